"""Drop services.topic: its name is queue since kilo."""

completes = ["service_queue"]


def contract(op):
    op.drop_column("services", "topic")
