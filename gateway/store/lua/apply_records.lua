-- Applies a batch of one journal's records to one partition: counters, recent requests, and the number of the last
-- record that they hold, in one step. What was applied before is skipped, a gap is refused; both answer the number in
-- force, from which the journal's owner carries on.
--
-- KEYS: 1 applied, 2 dimensions, 3 recent, 4 requests, 5 days, 6 the journal's leases, 7... hashes of counters, then
--       money of accounts and periods
-- ARGV: journal, the number that the batch follows (which is not its first less one where the journal has lost
--       records for good), its last, how many requests are kept, their age in seconds;
--       n, then n times: id, meaning;
--       n, then n times: day that is counted;
--       how many hashes of counters there are; for each: when it expires (0: never), n, then n times: field, increment;
--       n, then for each of the n money hashes: its field in the leases, what is charged, when it expires (0: never);
--       admitted at and id of each request, as one JSON array of both in turn;
--       to the end, in the same order: each request's attempts as a JSON array
--
-- Requests are the many, and each argument and each command costs more than what it says or does: so there is one
-- argument for all ids, and a few commands for all requests. A batch is far below what `unpack` can take.

local LARGEST_ENTRY = 65536
local TRIM_AT_ONCE = 1000

local applied = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0')
if applied ~= tonumber(ARGV[2]) then
  return applied
end

local at = 6
local function take()
  local value = ARGV[at]
  at = at + 1
  return value
end

for _ = 1, tonumber(take()) do
  local id, meaning = take(), take()
  redis.call('HSET', KEYS[2], id, meaning)
end

for _ = 1, tonumber(take()) do
  redis.call('SADD', KEYS[5], take())
end

local k = 7
local counted = tonumber(take())
for _ = 1, counted do
  local expires_at, fields = take(), tonumber(take())
  for _ = 1, fields do
    local field, increment = take(), take()
    redis.call('HINCRBY', KEYS[k], field, increment)
  end
  if expires_at ~= '0' then
    redis.call('EXPIREAT', KEYS[k], expires_at)
  end
  k = k + 1
end

-- What was reserved becomes what is spent: out of the holder's lease, into the account's sum, in the same step.
for _ = 1, tonumber(take()) do
  local field, charge, expires_at = take(), take(), take()
  local lease = redis.call('HMGET', KEYS[6], 'g:' .. field, 's:' .. field)
  local open = math.max(tonumber(lease[1] or '0') - tonumber(lease[2] or '0'), 0)
  redis.call('HINCRBY', KEYS[k], 'settled', charge)
  if open > 0 then -- (a zero would be written as -0, which is no integer)
    redis.call('HINCRBY', KEYS[k], 'open', string.format('%.0f', -math.min(open, tonumber(charge))))
  end
  redis.call('HINCRBY', KEYS[6], 's:' .. field, charge)
  if expires_at ~= '0' then
    redis.call('EXPIREAT', KEYS[k], expires_at)
  end
  k = k + 1
end

local places = cjson.decode(take())
if #places > 0 then
  redis.call('ZADD', KEYS[3], unpack(places))
  local ids = {}
  for n = 2, #places, 2 do
    ids[#ids + 1] = places[n]
  end
  local entries, changes = redis.call('HMGET', KEYS[4], unpack(ids)), {}
  for n, id in ipairs(ids) do
    local entry, attempts = entries[n], take()
    if entry and #entry + #attempts < LARGEST_ENTRY then
      attempts = string.sub(entry, 1, -2) .. ',' .. string.sub(attempts, 2)
    end -- else new; or one id used by so many requests that their entry would grow without end
    changes[2 * n - 1], changes[2 * n] = id, attempts
  end
  redis.call('HSET', KEYS[4], unpack(changes))
end

local excess = redis.call('ZCARD', KEYS[3]) - tonumber(ARGV[4])
if excess > 0 then
  local ids, popped = {}, redis.call('ZPOPMIN', KEYS[3], math.min(excess, TRIM_AT_ONCE))
  for n = 1, #popped, 2 do
    ids[#ids + 1] = popped[n]
  end
  redis.call('HDEL', KEYS[4], unpack(ids))
end
local oldest = tonumber(redis.call('TIME')[1]) - tonumber(ARGV[5])
local old = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', string.format('%.0f', oldest), 'LIMIT', 0, TRIM_AT_ONCE)
if #old > 0 then
  redis.call('ZREM', KEYS[3], unpack(old))
  redis.call('HDEL', KEYS[4], unpack(old))
end

redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return tonumber(ARGV[3])
