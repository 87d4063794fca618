-- The process behind a journal is gone and all it settled is applied: what it still held of this partition's money ends.
--
-- KEYS: 1 the holder's leases in this partition, 2 its holders
-- ARGV: 1 holder, 2 what the names of money hashes begin with
-- Answers the nano-dollars that came free.
local all, leases, freed = redis.call('HGETALL', KEYS[1]), {}, 0
for n = 1, #all, 2 do
  local kind, field = string.sub(all[n], 1, 1), string.sub(all[n], 3)
  leases[field] = leases[field] or {g = 0, s = 0, q = 0}
  leases[field][kind] = tonumber(all[n + 1])
end
for field, lease in pairs(leases) do
  local open = math.max(lease.g - lease.s, 0)
  if open > 0 and redis.call('EXISTS', ARGV[2] .. field) == 1 then
    local left = tonumber(redis.call('HGET', ARGV[2] .. field, 'open') or '0') - open
    redis.call('HSET', ARGV[2] .. field, 'open', string.format('%.0f', math.max(left, 0)))
    freed = freed + open
  end
end
-- A call of the dead process may still be on its way (a Redis that was paused): it must find the door shut.
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'closed', '1')
redis.call('EXPIRE', KEYS[1], 3600)
redis.call('SREM', KEYS[2], ARGV[1])
return string.format('%.0f', freed)
