"""Gerrit: what a code review server tells us, what we try because of it, and what we answer.

stream (what happens, line by line) → events (lines as values) → triggers (what an event asks for,
pure) → intake → queue (what there is to do, durable) → work (one run, in a process of its own) →
review (what is said of it, pure) → poster (once). The daemon holds it together. `server` is what
is asked of the server, over HTTP in `rest` or over ssh alone in `shell`.
"""
