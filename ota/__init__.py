"""Signed releases over the air, which a later version brings.

Rule: knows bytes and keys, not machines.
"""
