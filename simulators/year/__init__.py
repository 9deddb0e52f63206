"""A year of a plant whose machines wear, fail and are repaired, under one maintenance policy or another.

Rule: what wears, when, and how it shows is drawn from seeds before any policy acts.
"""
