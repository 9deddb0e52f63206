"""The history of the store's schema.

Rule: a released revision is never edited; a change is a new numbered file that goes up and down again.
"""
