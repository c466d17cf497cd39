-- Bytes of its requests' and answers' text that a tenant's traces may tell; 0 for none.
ALTER TABLE tenant ADD COLUMN trace_content_bytes INTEGER DEFAULT 0 NOT NULL;
