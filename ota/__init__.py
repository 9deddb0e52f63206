"""Signed releases over the air: published, found and trusted.

Rule: knows bytes and keys, not machines.
"""
