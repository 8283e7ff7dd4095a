"""Drop services.queue_counts: of the two columns that it chose from, one is left."""

abandons = {"services.queue_counts": "it says nothing any more, services.topic is gone"}


def contract(op):
    op.drop_column("services", "queue_counts")
