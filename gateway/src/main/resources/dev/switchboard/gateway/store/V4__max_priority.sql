-- The highest priority that a tenant's requests have, whatever they ask for.
ALTER TABLE tenant ADD COLUMN max_priority INTEGER DEFAULT 100 NOT NULL;
