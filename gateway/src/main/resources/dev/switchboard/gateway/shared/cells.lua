-- What each script begins with: the limits of one tenant as they are, and how a request of it ends. One key each:
-- requests and tokens are cells of the generic cell rate algorithm, which are one number: the time, in microseconds of the server's clock,
-- at which the cell would be empty again. A cell may be ahead of now by a minute, that of tokens by more when more came of a request.
-- held has, of one gateway, each request that the limits know, by its number: the tokens that it reserved, and the tokens and requests a
-- minute that were the limits then, 0 for what was not counted; and how many requests at once it counts for, if not 1. Its field + is how
-- many more than one all of them count for.
-- places has, of each gateway, how many requests at once it holds and until when that is believed.
-- KEYS: requests, tokens, places, held. ARGV: the gateway, milliseconds for which it is believed, requests and tokens a minute; 0 is no
-- limit. What else there is in ARGV each script says.
local REQUESTS, TOKENS, PLACES, HELD = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local gateway = ARGV[1]
local lease = tonumber(ARGV[2])
local requestsPerMinute = tonumber(ARGV[3])
local tokensPerMinute = tonumber(ARGV[4])
local MINUTE = 60000000
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function ahead(cell)
  return math.max(0, (tonumber(redis.call('GET', cell)) or now) - now)
end

-- Moves a cell, though never behind now: nobody gets back more than all of a limit.
local function move(cell, micros)
  local left = math.max(0, ahead(cell) + micros)
  if left == 0 then
    redis.call('DEL', cell)
  else
    redis.call('SET', cell, string.format('%.0f', now + left), 'PX', string.format('%.0f', math.ceil(left / 1000) + 1000))
  end
  return left
end

local function charge(tokens)
  if tokensPerMinute > 0 and tokens > 0 then
    move(TOKENS, tokens * MINUTE / tokensPerMinute)
  end
end

-- So many more, or fewer, requests at once than there are numbers in held.
local function extra(more)
  if more ~= 0 and redis.call('HINCRBY', HELD, '+', more) <= 0 then
    redis.call('HDEL', HELD, '+')
  end
end

-- Numbers in held.
local function numbers()
  return redis.call('HLEN', HELD) - redis.call('HEXISTS', HELD, '+')
end

-- Requests at once that this gateway holds.
local function own()
  return numbers() + (tonumber(redis.call('HGET', HELD, '+')) or 0)
end

-- A request is over: what it reserved becomes what it used, and where no replica saw it it costs no request. Once: what is not held here
-- any longer, or never was, changes nothing, unless all of its tokens are to be charged then. What is given back is measured by the limits
-- that it was taken under.
local function settle(id, used, served, whole)
  local record = redis.call('HGET', HELD, id)
  if not record then
    if whole then
      charge(used)
    end
    return
  end
  redis.call('HDEL', HELD, id)
  extra(1 - (tonumber(string.match(record, '^%d+ %d+ %d+ (%d+)$')) or 1))
  local reserved, tokensThen, requestsThen = string.match(record, '(%d+) (%d+) (%d+)')
  tokensThen = tonumber(tokensThen)
  requestsThen = tonumber(requestsThen)
  local more = used - (tokensThen > 0 and tonumber(reserved) or 0)
  if more < 0 then
    move(TOKENS, more * MINUTE / tokensThen)
  else
    charge(more)
  end
  if requestsThen > 0 and not served then
    move(REQUESTS, -MINUTE / requestsThen)
  end
end

-- Places of other gateways. One that has not been heard of for its time is gone, and holds none.
local function others()
  local sum = 0
  local all = redis.call('HGETALL', PLACES)
  for i = 1, #all, 2 do
    local count, believed = string.match(all[i + 1], '(%d+) (%d+)')
    if all[i] ~= gateway then
      if tonumber(believed) <= now then
        redis.call('HDEL', PLACES, all[i])
      else
        sum = sum + tonumber(count)
      end
    end
  end
  return sum
end

-- This gateway lives, and holds so many. What its requests reserved is kept for a minute longer than that is believed: by then no cell
-- remembers it either.
local function touch()
  local count = own()
  if count == 0 then
    redis.call('HDEL', PLACES, gateway)
  else
    redis.call('HSET', PLACES, gateway, string.format('%d %.0f', count, now + lease * 1000))
    redis.call('PEXPIRE', PLACES, 120000)
    redis.call('PEXPIRE', HELD, lease + 60000)
  end
end
