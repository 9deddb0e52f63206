"""What device, cloud and training would be wrong to disagree about.

Rule: standard library, numpy and protobuf only; no I/O beyond reading a profile or a bundle from disk; every
value object refuses to be built wrong.
"""
