"""Gerrit: what a code review server tells us, what we try because of it, and what we answer.

events (lines of stream-events → values) → triggers (what an event asks for, pure) → queue (what
there is to do, durable) → work (one run, in a process of its own) → review (one for each patch
set) → post. `server` is what the server is asked, over HTTP in `rest` or over ssh alone in `shell`.
"""
