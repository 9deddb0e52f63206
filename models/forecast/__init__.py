"""Remaining useful life: how forecasts are made, widened until they are true, and judged.

Rule: everything is split by machine, and a life that has not ended says only how long it lasted at least.
"""
