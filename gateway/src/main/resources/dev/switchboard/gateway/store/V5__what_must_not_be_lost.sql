-- H2 commits each statement: what was cut short is done again from its beginning.
-- How many keys of a role there are. Zero says that the last one was revoked; a role without a row never had any.
CREATE TABLE IF NOT EXISTS key_count (
  role VARCHAR(16) PRIMARY KEY,
  number_of_keys INTEGER NOT NULL
);
DELETE FROM key_count;
INSERT INTO key_count (role, number_of_keys) SELECT role, COUNT(*) FROM api_key GROUP BY role;

-- What operators set at a replica of a gateway. The weight is null where it is the configured one, and counts only as
-- long as that is the same.
CREATE TABLE IF NOT EXISTS replica_setting (
  gateway VARCHAR(36) NOT NULL,
  replica VARCHAR(1024) NOT NULL,
  cordoned INTEGER NOT NULL,
  weight DOUBLE PRECISION,
  configured_weight DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (gateway, replica)
);
