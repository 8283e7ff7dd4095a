-- Built without blocking writers.
CREATE INDEX CONCURRENTLY ix_instances_host ON instances (host) WHERE deleted = 0;
