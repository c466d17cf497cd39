-- Lets a request of a tenant in and reserves what it may use, or says how long to wait.
-- KEYS from the fifth on: turns of the limits per minute and of the places, sorted by when they are due; how many of each a client has; and
-- how turns are heeded. A turn is client:request:number; the request is known by what it asks.
-- ARGV: requests at once, 0 for no limit; the request's number; tokens to reserve; how many requests at once it counts for; by what it is
-- known when it comes again, 0 for none; who asks; microseconds for which it will be there, -1 where nobody knows; least seconds to tell;
-- then, of requests of this gateway that are over and may not have been settled yet, number, tokens used and 1 where a replica saw it: so
-- their places are free for this one.
-- Returns who refuses, 1 requests, 2 tokens, 3 requests at once, or 0; microseconds to wait; those by which the cells of requests and of
-- tokens are ahead then; how many requests there are at once then; and seconds after which it has a turn, 0 for none.
local most = tonumber(ARGV[5])
local id = ARGV[6]
local estimate = tonumber(ARGV[7])
local places = tonumber(ARGV[8])
local request, client = ARGV[9], ARGV[10]
local hold = tonumber(ARGV[11])
local least = tonumber(ARGV[12]) * 1000000
local MINUTES = {turns = KEYS[5], clients = KEYS[7], heed = 'minutes'}
local PLACED = {turns = KEYS[6], clients = KEYS[8], heed = 'places'}
local HEED = KEYS[9]
-- As gateways do it that hold limits alone (RetryTurns).
local MOST_TURNS, GRACE, EARLY, LONGEST, SHARE_OF_NEW, KEPT_MILLIS = 4096, 3000000, 1000, 600, 0.05, 4000000

-- The share of turns that clients came back for of late, and how many nobody came for since somebody did.
local function heeded(kind)
  local kept, row = string.match(redis.call('HGET', HEED, kind.heed) or '1 0', '(%S+) (%d+)')
  return tonumber(kept), tonumber(row)
end

local function heed(kind, kept, row)
  redis.call('HSET', HEED, kind.heed, string.format('%.6f %d', kept, row))
  redis.call('PEXPIRE', HEED, KEPT_MILLIS)
end

local function forget(kind, turn)
  redis.call('ZREM', kind.turns, turn)
  local who = string.match(turn, '^[^:]*')
  if redis.call('HINCRBY', kind.clients, who, -1) <= 0 then
    redis.call('HDEL', kind.clients, who)
  end
end

-- Turns that nobody came for.
local function lapse(kind)
  local gone = redis.call('ZRANGEBYSCORE', kind.turns, '-inf', string.format('(%.0f', now - GRACE), 'LIMIT', 0, 512)
  if #gone > 0 then
    local kept, row = heeded(kind)
    for _, turn in ipairs(gone) do
      forget(kind, turn)
      kept, row = kept * (1 - SHARE_OF_NEW), row + 1
    end
    heed(kind, kept, row)
  end
end

-- Whether this request was told to come now; then it has come.
local function redeem(kind)
  if redis.call('EXISTS', kind.turns) == 0 then
    return false
  end
  lapse(kind)
  local due = redis.call('ZRANGEBYSCORE', kind.turns, '-inf', string.format('%.0f', now + EARLY), 'LIMIT', 0, 512)
  for _, turn in ipairs(due) do
    if string.match(turn, ':(.*):') == request then
      forget(kind, turn)
      local kept = heeded(kind)
      heed(kind, kept + SHARE_OF_NEW * (1 - kept), 0)
      return true
    end
  end
  return false
end

local function turns(kind)
  return redis.call('ZCARD', kind.turns), tonumber(redis.call('HGET', kind.clients, client)) or 0, redis.call('HLEN', kind.clients)
end

-- Those that go before one that comes now, if clients take turns, and as far as they are likely to come.
local function before(kind)
  local all, own, clients = turns(kind)
  return math.min(all, (own + 1) * clients) * heeded(kind)
end

-- A turn in so many seconds, or 0 where there are too many.
local function book(kind, seconds)
  local all, own = turns(kind)
  if request == '0' or own >= MOST_TURNS - all then
    return 0
  end
  local turn = client .. ':' .. request .. ':' .. string.format('%.0f', redis.call('HINCRBY', HEED, 'number', 1))
  redis.call('ZADD', kind.turns, string.format('%.0f', now + seconds * 1000000), turn)
  redis.call('HINCRBY', kind.clients, client, 1)
  redis.call('PEXPIRE', kind.turns, KEPT_MILLIS)
  redis.call('PEXPIRE', kind.clients, KEPT_MILLIS)
  redis.call('PEXPIRE', HEED, KEPT_MILLIS)
  return seconds
end

local function secondsOf(micros)
  return math.ceil(math.min(math.max(micros, least), 3600000000) / 1000000 - 1e-9)
end

-- Of a limit per minute: what is missing, and what those need who were told a turn before.
local function minute(missing, each)
  local wait = math.ceil(missing + before(MINUTES) * each)
  return wait, book(MINUTES, secondsOf(wait))
end

-- Of a place: the first second that is so far from what others were told that one will be free then.
local function place()
  if hold <= 0 then
    return 0
  end
  lapse(PLACED)
  local apart = (1 + 2 / most) * hold / most * heeded(PLACED)
  local first = secondsOf(hold / most)
  for seconds = first, math.min(first + 100, LONGEST) do
    local at = now + seconds * 1000000
    local earlier = redis.call('ZREVRANGEBYSCORE', PLACED.turns, string.format('%.0f', at), '-inf', 'WITHSCORES', 'LIMIT', 0, 1)
    local later = redis.call('ZRANGEBYSCORE', PLACED.turns, string.format('%.0f', at), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    if (#earlier == 0 or at - tonumber(earlier[2]) >= apart) and (#later == 0 or tonumber(later[2]) - at >= apart) then
      return book(PLACED, seconds)
    end
  end
  return 0
end

-- Places that are kept for those who come back before one that begins now would end. None where many stayed away one after the other.
local function kept()
  local share, row = heeded(PLACED)
  if share < 0.5 or 2 * row > most then
    return 0
  end
  return math.min(most, redis.call('ZCOUNT', PLACED.turns, '-inf', string.format('%.0f', now + 3 * math.max(0, hold))))
end

local function hasPlace(taken)
  local promised = redeem(PLACED)
  local after = taken + math.min(places, most)
  return after <= most and (promised or after + kept() <= most)
end

-- Whether a limit per minute lets it in. Who was told to come now may owe what comes back in ten seconds, but for the client that was told
-- the most turns. Cells are kept in whole microseconds; one over the limit is what that rounds.
local promised
local function holds(over, cell)
  if promised == nil then
    promised = redeem(MINUTES)
  end
  if over <= 1 then
    return true
  end
  local all, own, clients = turns(MINUTES)
  return promised and own * clients <= all and cell - MINUTE < MINUTE / 6
end

for i = 13, #ARGV, 3 do
  settle(ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2] == '1', false)
end
local asked = requestsPerMinute > 0 and ahead(REQUESTS) or 0
local used = tokensPerMinute > 0 and ahead(TOKENS) or 0
local step = requestsPerMinute > 0 and MINUTE / requestsPerMinute or 0
local need = tokensPerMinute > 0 and estimate * MINUTE / tokensPerMinute or 0
local taken = most > 0 and others() + own() or 0
-- What is larger than the whole limit passes while nothing of it is used, or it never could.
local requestsOver = asked + step - MINUTE
local tokensOver = used + math.min(need, MINUTE) - MINUTE
local refuses, wait, turn = 0, 0, 0
if most > 0 and not hasPlace(taken) then
  refuses, turn = 3, place()
elseif requestsPerMinute > 0 and not holds(requestsOver, asked) then
  refuses = 1
  wait, turn = minute(requestsOver, step)
elseif tokensPerMinute > 0 and not holds(tokensOver, used) then
  refuses = 2
  wait, turn = minute(tokensOver, math.min(need, MINUTE))
else
  asked = step > 0 and move(REQUESTS, step) or 0
  used = need > 0 and move(TOKENS, need) or 0
  taken = taken + places
  redis.call('HSET', HELD, id, ARGV[7] .. ' ' .. ARGV[4] .. ' ' .. ARGV[3] .. (places > 1 and ' ' .. ARGV[8] or ''))
  extra(places - 1)
end
touch()
return {refuses, wait, asked, used, taken, turn}
