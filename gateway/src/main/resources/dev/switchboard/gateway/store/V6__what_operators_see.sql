-- What happened in the fleet, of each gateway that shares this store; kept for a day.
CREATE TABLE IF NOT EXISTS event (
  gateway VARCHAR(36) NOT NULL,
  id BIGINT NOT NULL,
  at_ms BIGINT NOT NULL,
  type VARCHAR(32) NOT NULL,
  data_json VARCHAR(65536) NOT NULL,
  PRIMARY KEY (gateway, id)
);
CREATE INDEX IF NOT EXISTS event_at ON event (at_ms, id);

ALTER TABLE audit ADD COLUMN IF NOT EXISTS reason VARCHAR(512);
ALTER TABLE audit ADD COLUMN IF NOT EXISTS on_behalf_of VARCHAR(128);
CREATE INDEX IF NOT EXISTS audit_at ON audit (at_ms);

-- The first characters of a key tell it from others; who made it; whether it may act for people whom it names.
ALTER TABLE api_key ADD COLUMN IF NOT EXISTS beginning VARCHAR(16);
ALTER TABLE api_key ADD COLUMN IF NOT EXISTS created_by VARCHAR(64);
ALTER TABLE api_key ADD COLUMN IF NOT EXISTS may_delegate INTEGER DEFAULT 0 NOT NULL;

-- When a key was last used, to within a minute, by any gateway.
CREATE TABLE IF NOT EXISTS key_use (
  id VARCHAR(32) PRIMARY KEY,
  last_used_ms BIGINT NOT NULL
);
