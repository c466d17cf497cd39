-- Lets a request of a tenant in, or says how long to wait. Two cells of the generic cell rate algorithm, which is one number each: the
-- time, in microseconds of the server's clock, at which the cell would be empty again. A cell may be ahead of now by a minute.
-- KEYS: requests, tokens. ARGV: requests a minute, tokens a minute; 0 is no limit. Returns microseconds to wait; 0 lets in.
local minute = 60000000
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local requests = tonumber(ARGV[1])
local tokens = tonumber(ARGV[2])
if tokens > 0 then
  -- Tokens are counted when they are known, at a request's end; the cell only must not be over-full now.
  local ahead = (tonumber(redis.call('GET', KEYS[2])) or now) - now
  if ahead >= minute then
    return ahead - minute + 1
  end
end
if requests > 0 then
  local step = minute / requests
  local full = math.max(tonumber(redis.call('GET', KEYS[1])) or now, now)
  local wait = full + step - minute - now
  if wait > 0 then
    return math.ceil(wait)
  end
  redis.call('SET', KEYS[1], string.format('%.0f', full + step), 'PX', 120000)
end
return 0
