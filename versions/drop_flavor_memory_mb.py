"""Drop flavors.memory_mb: every flavor has foobars since kilo."""

completes = ["flavor_foobars"]


def contract(op):
    op.drop_column("flavors", "memory_mb")
