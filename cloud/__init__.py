"""The reference application: a small cloud, its models as each release has them."""
