"""Index the keys of an instance's system metadata, by which its flavor is found."""


def expand(op):
    op.create_index(
        "ix_instance_system_metadata_keys", "instance_system_metadata", ["instance_uuid", "key"]
    )
