"""Index flavors.foobars, now that moving rows is over: an index would have slowed it down."""


def expand(op):
    op.create_index("ix_flavors_foobars", "flavors", ["foobars"])
