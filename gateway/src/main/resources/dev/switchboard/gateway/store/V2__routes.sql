-- What becomes of requests for a name; spec is JSON with the keys of the configuration's routes.
CREATE TABLE route (
  name VARCHAR(128) PRIMARY KEY,
  spec VARCHAR(65536) NOT NULL
);
