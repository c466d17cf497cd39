-- Lets a request of a tenant in and reserves what it may use, or says how long to wait.
-- ARGV: requests at once, 0 for no limit; the request's number; tokens to reserve; how many requests at once it counts for; then, of requests of this gateway that are over and may
-- not have been settled yet, number, tokens used and 1 where a replica saw it: so their places are free for this one.
-- Returns who refuses, 1 requests, 2 tokens, 3 requests at once, or 0; microseconds to wait; those by which the cells of requests and of
-- tokens are ahead then; and how many requests there are at once then.
local most = tonumber(ARGV[5])
local id = ARGV[6]
local estimate = tonumber(ARGV[7])
local places = tonumber(ARGV[8])
for i = 9, #ARGV, 3 do
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
local refuses, wait = 0, 0
-- Cells are kept in whole microseconds; one over the limit is what that rounds.
if most > 0 and taken + math.min(places, most) > most then
  refuses = 3
elseif requestsOver > 1 then
  refuses, wait = 1, math.ceil(requestsOver)
elseif tokensOver > 1 then
  refuses, wait = 2, math.ceil(tokensOver)
else
  asked = step > 0 and move(REQUESTS, step) or 0
  used = need > 0 and move(TOKENS, need) or 0
  taken = taken + places
  redis.call('HSET', HELD, id, ARGV[7] .. ' ' .. ARGV[4] .. ' ' .. ARGV[3] .. (places > 1 and ' ' .. ARGV[8] or ''))
  extra(places - 1)
end
touch()
return {refuses, wait, asked, used, taken}
