-- One account, one holder (a worker's journal): states what the holder has, and grants what it asks for if that is left.
-- Never more than what is left, so that the sum over all holders can't pass a limit; of requests, tokens and permits
-- (requests in flight) all or none.
--
-- KEYS: 1 the account's rates, 2 its money in a period, 3 the holder's leases in this partition, 4 its holders
-- ARGV: 1 holder, 2 account, 3 channel for who starves
--       4 requests a minute ('' no limit), 5 needed, 6 the most beyond that
--       7 tokens a minute, 8 needed, 9 the most beyond that
--       10 requests in flight, 11 of them the holder's own, 12 needed, 13 the most beyond that, 14 seconds they hold
--       15 corrections, as field and amount in turn, separated by blanks ('' none)
--       16 budget ('' this is not about money), 17 period, 18 when it is forgotten (0: never),
--       19 number of this call, 20 money granted so far and not given back (nano-dollars), 21 needed,
--       22 the most beyond that, 23 'drop' when nothing more will come
-- Answers: 1 second, 2 microsecond, 3 'none' or what the rates lack: 'requests', 'tokens', 'permits', or ''
--       4 requests granted, 5 left, 6 when one can be had (ms; -1 never), 7 when all are back (ms)
--       8 to 11 the same of tokens, 12 permits the holder has now, 13 permits of all
--       14 money: '' not asked, 'old', 'granted', 'open', 'spent', 'fenced', 15 granted, 16 settled, 17 open
--
-- What a slice adds to the need is at most 1/32 of what remains beyond it.

local WINDOW, KEPT, SHARE = 60, 130, 32
local FENCE_MS, YOUNG_SERVER_S = 3000, 4

local time = redis.call('TIME')
local second, micro = tonumber(time[1]), tonumber(time[2])
local now_ms = second * 1000 + math.floor(micro / 1000)

local function text(number)
  return string.format('%.0f', number == 0 and 0 or number) -- never -0, which is no integer
end

local function slice(left, need, most)
  return need + math.max(0, math.min(most, math.floor((left - need) / SHARE)))
end

-- Rates: the last 60 seconds, one counter each.

local counts, permits, slots, stale = {r = 0, t = 0}, 0, {}, {}

local function read_rates()
  local all = redis.call('HGETALL', KEYS[1])
  for n = 1, #all, 2 do
    local kind, rest = string.sub(all[n], 1, 1), string.sub(all[n], 3)
    if kind == 'c' then
      local held, ends = string.match(all[n + 1], '^(%d+) (%d+)$')
      if tonumber(ends) <= second then
        stale[#stale + 1] = all[n]
      elseif rest ~= ARGV[1] then
        permits = permits + tonumber(held)
      end
    else
      local at, count = tonumber(rest), tonumber(all[n + 1])
      if at <= second - WINDOW then
        stale[#stale + 1] = all[n]
      elseif count > 0 then
        counts[kind] = counts[kind] + count
        slots[#slots + 1] = {at = at, kind = kind, count = count}
      end
    end
  end
end

local function correct()
  local changed = false
  for field, amount in string.gmatch(ARGV[15], '(%S+) (%S+)') do
    local at = tonumber(string.sub(field, 3))
    if at > second - WINDOW then
      if tonumber(redis.call('HINCRBY', KEYS[1], field, amount)) < 0 then
        redis.call('HSET', KEYS[1], field, '0') -- it was another server's, or is past
      end
      changed = true
    end
  end
  return changed
end

-- When so much is back, in milliseconds; and when all is.
local function waits(kind, missing)
  local until_enough, until_all = -1, 0
  for _, slot in ipairs(slots) do
    if slot.kind == kind then
      local back = (slot.at + WINDOW) * 1000 - now_ms
      until_all = math.max(until_all, back)
      if missing > 0 then
        missing = missing - slot.count
        if missing <= 0 then until_enough = back end
      end
    end
  end
  return until_enough, until_all
end

local function rate(kind, limit, need)
  if limit == '' then
    return {lacks = false, left = 0, wait = 0, reset = 0}
  end
  local left = tonumber(limit) - counts[kind]
  local wait, reset = waits(kind, need - left)
  local lacks = need > 0 and left < need
  return {lacks = lacks, left = left, wait = lacks and need <= tonumber(limit) and wait or (lacks and -1 or 0), reset = reset}
end

local answer = {second, micro, 'none', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '', '0', '0', '0'}

if ARGV[4] ~= '' or ARGV[7] ~= '' or ARGV[10] ~= '' then
  local changed = ARGV[15] ~= '' and correct()
  read_rates()
  table.sort(slots, function(a, b) return a.at < b.at end)
  local need_r, need_t, own, need_c = tonumber(ARGV[5]), tonumber(ARGV[8]), tonumber(ARGV[11]), tonumber(ARGV[12])
  local r, t = rate('r', ARGV[4], need_r), rate('t', ARGV[7], need_t)
  local free = ARGV[10] == '' and 0 or tonumber(ARGV[10]) - permits - own
  local lacks = (r.lacks and 'requests') or (t.lacks and 'tokens') or (ARGV[10] ~= '' and need_c > free and need_c > 0 and 'permits') or ''
  local got_r, got_t, held = 0, 0, own
  if lacks == '' then
    if ARGV[4] ~= '' and need_r > 0 then got_r = slice(r.left, need_r, tonumber(ARGV[6])) end
    if ARGV[7] ~= '' and need_t > 0 then got_t = slice(t.left, need_t, tonumber(ARGV[9])) end
    if need_c > 0 then held = own + slice(free, need_c, tonumber(ARGV[13])) end
  end
  if got_r > 0 then redis.call('HINCRBY', KEYS[1], 'r:' .. second, text(got_r)) end
  if got_t > 0 then redis.call('HINCRBY', KEYS[1], 't:' .. second, text(got_t)) end
  if ARGV[10] ~= '' then
    if held > 0 then
      redis.call('HSET', KEYS[1], 'c:' .. ARGV[1], text(held) .. ' ' .. text(second + tonumber(ARGV[14])))
    else
      stale[#stale + 1] = 'c:' .. ARGV[1]
    end
  end
  if #stale > 0 then redis.call('HDEL', KEYS[1], unpack(stale)) end
  if got_r > 0 or got_t > 0 or held > 0 or changed then redis.call('EXPIRE', KEYS[1], KEPT) end
  answer[3], answer[12], answer[13] = lacks, held, permits + held
  answer[4], answer[5], answer[6], answer[7] = got_r, r.left - got_r, r.wait, got_r > 0 and WINDOW * 1000 or r.reset
  answer[8], answer[9], answer[10], answer[11] = got_t, t.left - got_t, t.wait, got_t > 0 and WINDOW * 1000 or t.reset
end

-- Money.

-- A server that may have less than its predecessor had grants nothing while holders say again what they hold.
local function fenced(run, fence, changes)
  local info = redis.call('INFO', 'server')
  local id = string.match(info, 'run_id:(%w+)')
  if run ~= id then
    local young = tonumber(string.match(info, 'uptime_in_seconds:(%d+)')) < YOUNG_SERVER_S
    fence = (run or young) and now_ms + FENCE_MS or 0
    changes[#changes + 1], changes[#changes + 2] = 'run', id
    changes[#changes + 1], changes[#changes + 2] = 'fence', text(fence)
  end
  return fence > now_ms
end

local function money()
  local field = ARGV[17] .. ':' .. ARGV[2]
  local mine = redis.call('HMGET', KEYS[3], 'g:' .. field, 's:' .. field, 'q:' .. field, 'closed')
  local of = redis.call('HMGET', KEYS[2], 'settled', 'open', 'run', 'fence', 'cried')
  local settled, open = tonumber(of[1] or '0'), tonumber(of[2] or '0')
  local granted, spent = tonumber(mine[1] or '0'), tonumber(mine[2] or '0')
  if mine[4] or tonumber(ARGV[19]) <= tonumber(mine[3] or '0') then
    return {'old', 0, settled, open} -- it was overtaken on its way
  end
  local limit, claim, need, changes = tonumber(ARGV[16]), tonumber(ARGV[20]), tonumber(ARGV[21]), {}
  local behind_fence = fenced(of[3], tonumber(of[4] or '0'), changes)
  open = open + math.max(claim - spent, 0) - math.max(granted - spent, 0)
  local state, got = 'granted', 0
  local left = limit - settled - open
  if need > 0 then
    if behind_fence then
      state = 'fenced'
    elseif left >= need then
      got = slice(left, need, tonumber(ARGV[22]))
    elseif settled + need > limit then
      state = 'spent'
    else
      state = 'open'
      if now_ms - tonumber(of[5] or '0') >= 20 then
        redis.call('PUBLISH', ARGV[3], KEYS[2])
        changes[#changes + 1], changes[#changes + 2] = 'cried', text(now_ms)
      end
    end
  end
  open = open + math.max(claim + got - spent, 0) - math.max(claim - spent, 0)
  redis.call('HSET', KEYS[2], 'open', text(open), unpack(changes))
  if ARGV[18] ~= '0' then redis.call('EXPIREAT', KEYS[2], ARGV[18]) end
  if ARGV[23] == 'drop' and claim <= spent then
    redis.call('HDEL', KEYS[3], 'g:' .. field, 's:' .. field, 'q:' .. field)
    state = 'dropped'
  else
    redis.call('HSET', KEYS[3], 'g:' .. field, text(claim + got), 'q:' .. field, ARGV[19])
    redis.call('SADD', KEYS[4], ARGV[1])
  end
  return {state, got, settled, open}
end

if ARGV[16] ~= '' then
  local told = money()
  answer[14], answer[15], answer[16], answer[17] = told[1], text(told[2]), text(told[3]), text(told[4])
end
return answer
