-- What became of requests, by hour, model and service class. A gateway counts in parts that it writes again and again, each whole and under its
-- own number: so a part that is written twice counts once, and gateways never write the same row.
CREATE TABLE IF NOT EXISTS slo_hour (
  instance VARCHAR(36) NOT NULL,
  part BIGINT NOT NULL,
  hour_ms BIGINT NOT NULL,
  model VARCHAR(512) NOT NULL,
  slo_class VARCHAR(64) NOT NULL,
  availability_met BIGINT NOT NULL,
  availability_missed BIGINT NOT NULL,
  ttft_met BIGINT NOT NULL,
  ttft_missed BIGINT NOT NULL,
  tpot_met BIGINT NOT NULL,
  tpot_missed BIGINT NOT NULL,
  deadline_met BIGINT NOT NULL,
  deadline_missed BIGINT NOT NULL,
  PRIMARY KEY (instance, part)
);
CREATE INDEX IF NOT EXISTS slo_hour_at ON slo_hour (hour_ms, model, slo_class);

-- Causes, parts of the hour and histograms, which sums over weeks need not read.
CREATE TABLE IF NOT EXISTS slo_figures (
  instance VARCHAR(36) NOT NULL,
  part BIGINT NOT NULL,
  hour_ms BIGINT NOT NULL,
  figures_json VARCHAR(65536) NOT NULL,
  PRIMARY KEY (instance, part)
);
CREATE INDEX IF NOT EXISTS slo_figures_at ON slo_figures (hour_ms);
