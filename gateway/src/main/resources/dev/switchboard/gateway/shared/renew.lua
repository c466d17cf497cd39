-- Says that a gateway lives and which requests of a tenant it has. Those that are missing, because the server was away when they came or
-- has lost its memory, get their places; those that are over, though nobody told, lose them and get back what they reserved.
-- ARGV: the highest number that the gateway had given when it said this; how many requests it has; their numbers, each with how many
-- requests at once it counts for behind a space, if not 1; then the numbers of those of which it waits for an answer, which stay as they are.
local upTo = tonumber(ARGV[5])
local has = tonumber(ARGV[6])
others()
if numbers() ~= has or #ARGV > 6 + has then
  local known = {}
  for i = 7, #ARGV do
    local id, places = string.match(ARGV[i], '^(%d+)(.*)$')
    known[id] = true
    if i <= 6 + has and redis.call('HSETNX', HELD, id, '0 0 0' .. places) == 1 then
      extra((tonumber(places) or 1) - 1)
    end
  end
  for _, id in ipairs(redis.call('HKEYS', HELD)) do
    -- A higher number came after this was said.
    if id ~= '+' and not known[id] and tonumber(id) <= upTo then
      settle(id, 0, false, false)
    end
  end
end
touch()
return 0
