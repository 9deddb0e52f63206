"""The company's maintenance system (EAM): orders out, what became of them back.

Rule: whatever is particular to one system stands in its adapter; what all of them are told and say is
`contract`.
"""
