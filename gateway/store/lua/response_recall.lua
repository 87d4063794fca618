-- A conversation up to and with one answer of the Responses API; all its turns count as used now.
--
-- KEYS: ids of the key's answers by last use, their sizes, the answer's own record
-- ARGV: id, 'alone' for this turn without those before it, what the names of records begin with, seconds to keep
-- Answers nothing where any of it is gone; else the turns' ids, the conversation's size, then input and answer of each.
local own = redis.call('HMGET', KEYS[3], 'before', 'size')
if not own[2] then return false end
local before = own[1]
if ARGV[2] == 'alone' then before = '' end
local stems = ARGV[1]
if before ~= '' then stems = before .. ' ' .. ARGV[1] end
local time, answer = redis.call('TIME'), {stems, own[2]}
for id in string.gmatch(stems, '%S+') do
  local turn = redis.call('HMGET', ARGV[3] .. id, 'input', 'response')
  if not turn[2] then return false end
  answer[#answer + 1] = turn[1]
  answer[#answer + 1] = turn[2]
end
for id in string.gmatch(stems, '%S+') do
  redis.call('EXPIRE', ARGV[3] .. id, ARGV[4])
  redis.call('ZADD', KEYS[1], string.format('%d.%06d', time[1], time[2]), id)
end
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[4])
return answer
