"""The demo: one change from expand to contract under an application that keeps writing."""
