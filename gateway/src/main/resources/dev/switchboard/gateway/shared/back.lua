-- Takes back that a request of a tenant was counted: no replica saw it.
-- KEYS: requests. ARGV: requests a minute.
local minute = 60000000
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full = tonumber(redis.call('GET', KEYS[1])) or now
if full > now then
  full = math.max(now, full - minute / tonumber(ARGV[1]))
  redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', 120000)
end
return 0
