-- Built without blocking writers.
CREATE INDEX CONCURRENTLY ix_flavors_foobars ON flavors (foobars);
