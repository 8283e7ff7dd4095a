"""Drop instances.root_mb: the size is in root_gb since kilo."""

completes = ["instance_root_gb"]


def contract(op):
    op.drop_column("instances", "root_mb")
