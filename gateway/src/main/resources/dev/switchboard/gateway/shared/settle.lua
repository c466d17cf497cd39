-- Ends requests of a tenant.
-- ARGV: of each its number, tokens used, 1 where a replica saw it, and 1 where all of its tokens are charged if it is not held.
for i = 5, #ARGV, 4 do
  settle(ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2] == '1', ARGV[i + 3] == '1')
end
touch()
return 0
