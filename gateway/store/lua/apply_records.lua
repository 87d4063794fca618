-- Applies a batch of one journal's records to one partition: counters, recent requests, and the number of the last
-- record that they hold, in one step. What was applied before is skipped, a gap is refused; both answer the number in
-- force, from which the journal's owner carries on.
--
-- KEYS: 1 applied, 2 dimensions, 3 recent, 4 requests, 5 days, 6... hashes of counters
-- ARGV: journal, the number that the batch follows (which is not its first less one where the journal has lost
--       records for good), its last, how many requests are kept, their age in seconds;
--       n, then n times: id, meaning;
--       n, then n times: day that is counted;
--       for each hash of counters: when it expires (0: never), n, then n times: field, increment;
--       to the end: request id, admitted at, attempt as JSON

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

for k = 6, #KEYS do
  local expires_at, fields = take(), tonumber(take())
  for _ = 1, fields do
    local field, increment = take(), take()
    redis.call('HINCRBY', KEYS[k], field, increment)
  end
  if expires_at ~= '0' then
    redis.call('EXPIREAT', KEYS[k], expires_at)
  end
end

while at <= #ARGV do
  local id, admitted_at, attempt = take(), take(), take()
  local entry = redis.call('HGET', KEYS[4], id)
  if entry and #entry + #attempt < LARGEST_ENTRY then
    entry = string.sub(entry, 1, -2) .. ',' .. attempt .. ']'
  else
    -- New; or one id used by so many requests that their entry would grow without end.
    entry = '[' .. attempt .. ']'
  end
  redis.call('HSET', KEYS[4], id, entry)
  redis.call('ZADD', KEYS[3], admitted_at, id)
end

local function forget(ids)
  if #ids > 0 then
    redis.call('ZREM', KEYS[3], unpack(ids))
    redis.call('HDEL', KEYS[4], unpack(ids))
  end
end

local excess = redis.call('ZCARD', KEYS[3]) - tonumber(ARGV[4])
if excess > 0 then
  forget(redis.call('ZRANGE', KEYS[3], 0, math.min(excess, TRIM_AT_ONCE) - 1))
end
local oldest = tonumber(redis.call('TIME')[1]) - tonumber(ARGV[5])
forget(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', string.format('%.0f', oldest), 'LIMIT', 0, TRIM_AT_ONCE))

redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return tonumber(ARGV[3])
