-- Counts the tokens of a request that ended, however many they were.
-- KEYS: tokens. ARGV: tokens a minute, tokens used.
local minute = 60000000
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full = math.max(tonumber(redis.call('GET', KEYS[1])) or now, now) + minute * tonumber(ARGV[2]) / tonumber(ARGV[1])
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000) + 1000)
return 0
