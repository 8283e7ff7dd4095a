"""Drop fixed_ips.cidr: it is split into address and prefix since kilo."""

completes = ["fixed_ip_prefix"]


def contract(op):
    op.drop_column("fixed_ips", "cidr")
