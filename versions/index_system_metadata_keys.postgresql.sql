-- Built without blocking writers.
CREATE INDEX CONCURRENTLY ix_instance_system_metadata_keys
    ON instance_system_metadata (instance_uuid, key);
