-- The shared rate budget of one upstream, one call for each verb. Every time is a whole number of microseconds.
--
-- KEYS  slots      sorted set: every request -> when its slot is free again; the member '' marks the set as ours
--       reserved   sorted set: those of them that are questions
--       flights    sorted set: requests without a reply -> when they were granted
--       gaps       sorted set: account -> when its next send may start
--       cool       sorted set: account -> when its cool-down ends
--       state      hash: epoch, last, vendor_limit, vendor_limit_at, vendor_remaining, foreign, foreign_until,
--                  question_until
--       rebuild    hash: epoch, noticed, not_before, token, token_until
-- ARGV  verb, clock ('' means the server's own), window, setting, share, then what the verb takes
--
-- The first element of a reply: 1 done, 0 denied, -1 the state is lost.
local slots, reserved, flights, gaps, cool, state, rebuild = unpack(KEYS)
local verb, clock = ARGV[1], ARGV[2]
local window, setting, share = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

local BACK_STEP = 1000000         -- how far the server's clock may step back before the state counts as lost
local REBUILD_TURN = 30000000     -- how long one process may take to rebuild before another may try
local ASK_AGAIN = 200000          -- when somebody else is rebuilding
local QUESTION_COMES_BACK = 10000000  -- how long a waiting question may be late before messages stop waiting for it

local function whole(number)
  return string.format('%.0f', number)  -- tostring would round to 14 digits
end

local now
if clock == '' then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
else
  now = tonumber(clock)
end
local run_id = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')

-- A restart gives the server another run ID, a flush or an eviction removes the marks; each means that slots are missing.
local epoch, last = unpack(redis.call('HMGET', state, 'epoch', 'last'))
last = tonumber(last or '0')
local stepped_back = now < last - BACK_STEP
local lost = epoch ~= run_id or stepped_back or not redis.call('ZSCORE', slots, '')

local function rebuild_turn(token)
  local of, noticed, not_before, holder, holder_until =
    unpack(redis.call('HMGET', rebuild, 'epoch', 'noticed', 'not_before', 'token', 'token_until'))
  if of ~= run_id or tonumber(noticed) > now then
    redis.call('DEL', rebuild)
    redis.call('HSET', rebuild, 'epoch', run_id, 'noticed', whole(now), 'not_before', '0')
    not_before, holder = '0', false
  end
  if tonumber(not_before) > now then
    return {-1, tonumber(not_before) - now}
  end
  if holder and tonumber(holder_until) > now then
    return {-1, ASK_AGAIN}
  end
  redis.call('HSET', rebuild, 'token', token, 'token_until', whole(now + REBUILD_TURN))
  return {-1, 0}
end

local function reserve_of(limit)
  return math.max(0, math.min(math.ceil(limit * share - 1e-9), limit - 1))
end

local function live(set)
  return redis.call('ZCOUNT', set, '(' .. whole(now), '+inf')
end

-- The limit in force, and until when the use of others lowers it.
local function ceiling()
  local limit, foreign, foreign_until =
    unpack(redis.call('HMGET', state, 'vendor_limit', 'foreign', 'foreign_until'))
  if not limit then
    return setting, 0
  end
  if not foreign or tonumber(foreign_until) <= now then
    return math.min(setting, tonumber(limit)), 0
  end
  return math.max(0, math.min(setting, tonumber(limit) - tonumber(foreign))), tonumber(foreign_until)
end

-- Questions use only the reserve, but always at least one at a time.
local function questions_share(limit)
  return math.max(1, reserve_of(limit))
end

-- The slots that messages do not use, and until when these are more than the reserve. Without a reserve, a waiting
-- question goes before the next message; otherwise messages could leave it no room for ever.
local function kept_from_senders(limit)
  local kept, waits_until = reserve_of(limit), tonumber(redis.call('HGET', state, 'question_until') or '0')
  if kept == 0 and waits_until > now then
    return 1, waits_until
  end
  return kept, 0
end

-- How long until fewer than `allowed` slots of the set are held, as far as can be known: a reply may still be on its
-- way.
local function until_free(set, held, allowed, shrunk_until)
  local found = redis.call('ZRANGEBYSCORE', set, '(' .. whole(now), '+inf', 'WITHSCORES', 'LIMIT', held - allowed, 1)
  local free_at = tonumber(found[2] or '0')
  if shrunk_until > now and (free_at <= now or shrunk_until < free_at) then
    free_at = shrunk_until
  end
  return math.max(1, math.min(window, free_at - now))
end

local function hold_slot(key, free_at, is_reserved)
  redis.call('ZADD', slots, whole(free_at), key)
  if is_reserved then
    redis.call('ZADD', reserved, whole(free_at), key)
  end
end

local function prune(hold)
  -- Free slots are kept two windows longer: a late reply is compared with the slots that were held when its request began.
  local old = whole(now - 2 * window)
  redis.call('ZREMRANGEBYSCORE', slots, '(0', old)
  redis.call('ZREMRANGEBYSCORE', reserved, '-inf', old)
  redis.call('ZREMRANGEBYSCORE', flights, '-inf', whole(now - hold - window))
  redis.call('ZREMRANGEBYSCORE', gaps, '-inf', whole(now))
  redis.call('ZREMRANGEBYSCORE', cool, '-inf', whole(now))
end

local function grant(key, account, hold, is_reserved, gap)
  hold_slot(key, now + hold + window, is_reserved)
  redis.call('ZADD', flights, whole(now), key)
  if not is_reserved then
    redis.call('ZADD', gaps, 'GT', whole(now + gap), account)
  end
  return {1}
end

-- A request with a reply still counts under its name; a caller with the same name makes another request.
local function set_aside(key)
  for _, set in ipairs({slots, reserved}) do
    local free_at = redis.call('ZSCORE', set, key)
    if free_at then
      redis.call('ZREM', set, key)
      redis.call('ZADD', set, free_at, key .. ' until ' .. free_at)
    end
  end
end

local function acquire(key, account, hold, is_reserved, gap)
  local wait, why = 0, ''
  local function hinder(seconds, reason)
    if seconds > wait then
      wait, why = seconds, reason
    end
  end
  hinder(tonumber(redis.call('ZSCORE', cool, account) or '0') - now, 'cool-down')
  local free_at = tonumber(redis.call('ZSCORE', slots, key) or '0')
  if free_at > now and redis.call('ZSCORE', flights, key) then
    -- Called again, or repeated by the client: still one slot, held as long as the later call needs.
    if wait > 0 then
      return {0, wait, why}
    end
    return grant(key, account, math.max(hold, free_at - now - window), is_reserved, gap)
  end
  if not is_reserved then
    hinder(tonumber(redis.call('ZSCORE', gaps, account) or '0') - now, 'account gap')
  end
  local limit, shrunk_until = ceiling()
  local held, asking = live(slots), live(reserved)
  if held >= limit then
    hinder(until_free(slots, held, limit, shrunk_until), 'team budget')
  end
  if is_reserved and asking >= questions_share(limit) then
    hinder(until_free(reserved, asking, questions_share(limit), shrunk_until), 'team budget')
  end
  local kept, waits_until = kept_from_senders(limit)
  local senders, allowed = held - asking, limit - kept
  if not is_reserved and senders >= allowed then
    hinder(until_free(slots, senders, allowed, waits_until > 0 and waits_until or shrunk_until), 'team budget')
  end
  if wait > 0 then
    if is_reserved and why == 'team budget' then
      redis.call('HSET', state, 'question_until', whole(now + wait + QUESTION_COMES_BACK))
    end
    return {0, wait, why}
  end
  if is_reserved then
    redis.call('HDEL', state, 'question_until')
  end
  if free_at > 0 then
    set_aside(key)
  end
  prune(hold)
  return grant(key, account, hold, is_reserved, gap)
end

local function learn(limit, remaining, granted_at)
  if limit then
    local known, known_at = unpack(redis.call('HMGET', state, 'vendor_limit', 'vendor_limit_at'))
    -- Replies come out of order: within a window only a lower limit counts.
    if not known or limit <= tonumber(known) or now - tonumber(known_at) >= window then
      redis.call('HSET', state, 'vendor_limit', whole(limit), 'vendor_limit_at', whole(now))
    end
  end
  if not remaining then
    return
  end
  redis.call('HSET', state, 'vendor_remaining', whole(remaining))
  local of = limit or tonumber(redis.call('HGET', state, 'vendor_limit') or '')
  if not (of and granted_at) then
    return
  end
  -- Every request that the vendor can have counted by then held a slot at some moment since this request was granted.
  local ours = redis.call('ZCOUNT', slots, '(' .. whole(granted_at), '+inf')
  local foreign = math.max(0, of - remaining - ours)
  local believed, believed_until = unpack(redis.call('HMGET', state, 'foreign', 'foreign_until'))
  if not believed or tonumber(believed_until) <= now or foreign >= tonumber(believed) then
    redis.call('HSET', state, 'foreign', whole(foreign), 'foreign_until', whole(now + window))
  end
end

local function answered(key, limit, remaining)
  local granted_at = tonumber(redis.call('ZSCORE', flights, key) or '')
  redis.call('ZREM', flights, key)
  -- An unknown key was granted before a loss, and its row came too late for the rebuild: its request counts too.
  if granted_at or not redis.call('ZSCORE', slots, key) then
    hold_slot(key, now + window, redis.call('ZSCORE', reserved, key))
  end
  learn(limit, remaining, granted_at)
  return {1}
end

local function refund(key, account, gap)
  local granted_at = tonumber(redis.call('ZSCORE', flights, key) or '')
  if granted_at then
    redis.call('ZREM', flights, key)
    redis.call('ZREM', slots, key)
    redis.call('ZREM', reserved, key)
    -- Only the gap that this request set, not that of a later one.
    if tonumber(redis.call('ZSCORE', gaps, account) or '') == granted_at + gap then
      redis.call('ZREM', gaps, account)
    end
  end
  return {1}
end

local function describe()
  local limit = ceiling()
  local known, remaining = unpack(redis.call('HMGET', state, 'vendor_limit', 'vendor_remaining'))
  local reply = {1, limit, reserve_of(limit), live(slots), known, remaining}
  for _, set in ipairs({gaps, cool}) do
    local found = redis.call('ZRANGEBYSCORE', set, '(' .. whole(now), '+inf', 'WITHSCORES')
    local left = {}
    for i = 1, #found, 2 do
      left[#left + 1] = found[i]
      left[#left + 1] = tonumber(found[i + 1]) - now
    end
    reply[#reply + 1] = left
  end
  return reply
end

-- Fills the empty state from the database; `known_limit` is the vendor's limit that the caller remembers.
local function refill(known_limit, hold, gap, uses, first)
  local limit = tonumber(redis.call('HGET', state, 'vendor_limit') or '') or known_limit
  redis.call('DEL', slots, reserved, flights, gaps, state, rebuild)
  if stepped_back then
    redis.call('DEL', cool)
  end
  redis.call('ZADD', slots, 0, '')
  redis.call('HSET', state, 'epoch', run_id, 'last', whole(now))
  if limit then
    limit = math.min(limit, known_limit or limit)
    redis.call('HSET', state, 'vendor_limit', whole(limit), 'vendor_limit_at', whole(now))
  end
  for i = first, first + 5 * uses - 1, 5 do
    local key, account, started, answer = ARGV[i], ARGV[i + 1], now - tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
    local is_reserved = ARGV[i + 4] == '1'
    local free_at = (answer and now - answer or started + hold) + window
    if free_at > now then
      hold_slot(key, free_at, is_reserved)
      if not answer then
        redis.call('ZADD', flights, whole(started), key)
      end
    end
    if not is_reserved and started + gap > now then
      redis.call('ZADD', gaps, 'GT', whole(started + gap), account)
    end
  end
  for i = first + 5 * uses, #ARGV, 2 do
    redis.call('ZADD', cool, 'GT', whole(now + tonumber(ARGV[i + 1])), ARGV[i])
  end
end

local function restore(token, settle, known_limit, hold, gap, was_used, uses, first)
  if not lost then
    return {1}
  end
  if redis.call('HGET', rebuild, 'token') ~= token then
    return {-1, ASK_AGAIN}
  end
  local noticed, turn_until = unpack(redis.call('HMGET', rebuild, 'noticed', 'token_until'))
  local ready, asked_from = tonumber(noticed) + settle, tonumber(turn_until) - REBUILD_TURN
  if was_used and asked_from < ready then
    -- Rows of grants from just before the loss need a moment to reach the database; only then it is read.
    redis.call('HDEL', rebuild, 'token')
    redis.call('HSET', rebuild, 'not_before', whole(ready))
    return {-1, math.max(1, ready - now)}
  end
  refill(known_limit, hold, gap, uses, first)
  return {1}
end

local function release(token)
  if redis.call('HGET', rebuild, 'token') == token then
    redis.call('HDEL', rebuild, 'token')
  end
  return {1}
end

if verb == 'cool_down' then
  redis.call('ZADD', cool, 'GT', whole(now + tonumber(ARGV[7])), ARGV[6])
  return {1}
elseif verb == 'restore' then
  local settle, known_limit, hold, gap = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
  return restore(ARGV[6], settle, known_limit, hold, gap, ARGV[11] == '1', tonumber(ARGV[12]), 13)
elseif verb == 'release' then
  return release(ARGV[6])
elseif lost then
  local asks = verb == 'acquire' or verb == 'describe'
  return asks and rebuild_turn(ARGV[6]) or {-1, ASK_AGAIN}
end
now = math.max(now, last)
redis.call('HSET', state, 'last', whole(now))
if verb == 'acquire' then
  return acquire(ARGV[7], ARGV[8], tonumber(ARGV[9]), ARGV[10] == '1', tonumber(ARGV[11]))
elseif verb == 'answered' then
  return answered(ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8]))
elseif verb == 'refund' then
  return refund(ARGV[6], ARGV[7], tonumber(ARGV[8]))
end
return describe()
