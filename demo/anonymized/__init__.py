"""The other demo: a dump is made shareable, and is as good for a migration as the original."""
