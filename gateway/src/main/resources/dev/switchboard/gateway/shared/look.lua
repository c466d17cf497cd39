-- Tells how it stands with a tenant and changes nothing of it.
-- Returns the microseconds by which the cells of requests and of tokens are ahead, 0 where there is no limit, and how many requests there are
-- at once.
local asked = requestsPerMinute > 0 and ahead(REQUESTS) or 0
local used = tokensPerMinute > 0 and ahead(TOKENS) or 0
return {asked, used, others() + own()}
