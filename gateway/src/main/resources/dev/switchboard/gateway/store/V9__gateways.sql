-- The gateways that share this store, with when each was last heard; forgotten after an hour of silence.
CREATE TABLE IF NOT EXISTS gateway (
  id VARCHAR(36) PRIMARY KEY,
  heard_ms BIGINT NOT NULL,
  about_json VARCHAR(4096) NOT NULL
);
