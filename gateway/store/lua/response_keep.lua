-- Keep one answer of the Responses API, and let go of what its API key has no room or no time for any more.
--
-- KEYS: ids of the key's answers by last use, their sizes (and under 'total' the sum), the answer's own record
-- ARGV: id, ids of the turns before it (separated by blanks), its input, the answer, the conversation's size so far,
--       what the names of records begin with, seconds to keep, bytes that the key's answers may take
-- Answers the number of answers let go.
local id, prefix, keep_s, most = ARGV[1], ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])
local time = redis.call('TIME')
local now = tonumber(time[1])
local own = #ARGV[3] + #ARGV[4]
redis.call('HSET', KEYS[3], 'before', ARGV[2], 'input', ARGV[3], 'response', ARGV[4], 'size', ARGV[5])
redis.call('EXPIRE', KEYS[3], keep_s)
-- To the microsecond: of several in one second the newest must not be taken for the oldest.
redis.call('ZADD', KEYS[1], string.format('%d.%06d', time[1], time[2]), id)
redis.call('HSET', KEYS[2], id, own)
local total = redis.call('HINCRBY', KEYS[2], 'total', own)
local gone = 0
while gone < 1000 do
  local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  if not oldest[1] or oldest[1] == id then break end
  if total <= most and tonumber(oldest[2]) > now - keep_s then break end
  redis.call('DEL', prefix .. oldest[1])
  redis.call('ZREM', KEYS[1], oldest[1])
  total = redis.call('HINCRBY', KEYS[2], 'total', -(tonumber(redis.call('HGET', KEYS[2], oldest[1])) or 0))
  redis.call('HDEL', KEYS[2], oldest[1])
  gone = gone + 1
end
redis.call('EXPIRE', KEYS[1], keep_s)
redis.call('EXPIRE', KEYS[2], keep_s)
return gone
