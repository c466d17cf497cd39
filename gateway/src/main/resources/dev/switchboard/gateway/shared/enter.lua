-- Lets a request of a tenant in, or says how long to wait. Two cells of the generic cell rate algorithm, which is one number each: the
-- time, in microseconds of the server's clock, at which the cell would be empty again. A cell may be ahead of now by a minute.
-- KEYS: requests, tokens. ARGV: requests a minute, tokens a minute; 0 is no limit. Returns microseconds: to wait, 0 lets in; those by
-- which the cell of requests and that of tokens are ahead then; and which of the two refuses, 1 or 2, or 0 where none does.
local minute = 60000000
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local requests = tonumber(ARGV[1])
local tokens = tonumber(ARGV[2])
local function ahead(key)
  return math.max(0, (tonumber(redis.call('GET', key)) or now) - now)
end
local asked = requests > 0 and ahead(KEYS[1]) or 0
local used = tokens > 0 and ahead(KEYS[2]) or 0
-- Tokens are counted when they are known, at a request's end; the cell only must not be over-full now.
if tokens > 0 and used >= minute then
  return {used - minute + 1, asked, used, 2}
end
if requests > 0 then
  local step = minute / requests
  if asked + step > minute then
    return {math.ceil(asked + step - minute), asked, used, 1}
  end
  asked = asked + step
  redis.call('SET', KEYS[1], string.format('%.0f', now + asked), 'PX', 120000)
end
return {0, asked, used, 0}
