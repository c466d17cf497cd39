-- How operators have a gateway's workers serve models, over what its configuration says; spec is null for one that they unloaded.
CREATE TABLE IF NOT EXISTS model_setting (
  gateway VARCHAR(36) NOT NULL,
  name VARCHAR(128) NOT NULL,
  spec VARCHAR(65536),
  PRIMARY KEY (gateway, name)
);
