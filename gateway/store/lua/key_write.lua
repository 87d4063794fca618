-- Write one API key's record, its place in the listing and the way from its secrets' hashes to it, all in one step,
-- and tell every worker which hashes to forget.
--
-- KEYS: record, index, hash names to set..., hash names to delete...
-- ARGV: id, record as it was read ('' for a new key), record as it shall be, channel, message,
--       how many hash names are to be set, 'first' when it may only be written as the first key of all
-- Answers 1, or 0 when another writer was quicker: then nothing was changed.
local before = redis.call('GET', KEYS[1])
if (before or '') ~= ARGV[2] then
  return 0
end
if not before then
  -- Numbered by the listing itself: it never shrinks, so each number is given once and pages can't skip.
  local last = redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')
  if last[1] and ARGV[7] == 'first' then
    return 0
  end
  redis.call('ZADD', KEYS[2], (tonumber(last[2]) or 0) + 1, ARGV[1])
end
redis.call('SET', KEYS[1], ARGV[3])
for i = 3, #KEYS do
  if i < 3 + tonumber(ARGV[6]) then
    redis.call('SET', KEYS[i], ARGV[1])
  else
    redis.call('DEL', KEYS[i])
  end
end
redis.call('PUBLISH', ARGV[4], ARGV[5])
return 1
