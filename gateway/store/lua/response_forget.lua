-- Forget one answer of the Responses API.
--
-- KEYS: ids of the key's answers by last use, their sizes (and under 'total' the sum), the answer's own record
-- ARGV: id
-- Answers 1, or 0 where there was none.
redis.call('ZREM', KEYS[1], ARGV[1])
local own = tonumber(redis.call('HGET', KEYS[2], ARGV[1]))
if own then
  redis.call('HINCRBY', KEYS[2], 'total', -own)
  redis.call('HDEL', KEYS[2], ARGV[1])
end
return redis.call('DEL', KEYS[3])
