"""Benchmarks: what the project achieves, measured beside what simpler things would.

Rule: a benchmark is no test and a test is no benchmark: nothing here asserts a figure, and no test asserts
a time.
"""
