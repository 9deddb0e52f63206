"""A seeded campaign against the road: its servers and processes are killed again and again under load.

Rule: the same seed plans the same faults; what counts at the end is what the devices' outboxes took and what
the store's tables hold, nothing that any process says of itself.
"""
