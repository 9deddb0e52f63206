"""Bytes in, decisions out: from the broker to alerts on a page.

Rule: data moves one way, `mqtt` to `ingest` to `stream` to `sink` to `store`; alert rules and health are
pure.
"""
