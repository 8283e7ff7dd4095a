"""Drop the index that only moving the flavors needed: they are in instance_extra since kilo."""

completes = ["instance_flavor"]


def contract(op):
    op.drop_index("ix_instance_system_metadata_keys", "instance_system_metadata")
