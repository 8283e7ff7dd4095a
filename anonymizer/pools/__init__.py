"""Pools: the frozen words, a folder a locale and a file a kind, and what made them."""
