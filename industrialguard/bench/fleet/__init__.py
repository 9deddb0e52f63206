"""Does it pay? A simulated plant's year under four maintenance policies.

Rule: the hidden truth is drawn from seeds before any policy acts; what is held out is never tuned on.
"""
