-- A rotation ends a key before its time. Its successors have the time that it was made for, which is kept in granted_ms once rotated is 1; null is for ever.
ALTER TABLE api_key ADD COLUMN IF NOT EXISTS rotated INTEGER DEFAULT 0 NOT NULL;
ALTER TABLE api_key ADD COLUMN IF NOT EXISTS granted_ms BIGINT;
