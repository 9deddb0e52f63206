"""The fleet's own certificate authority: who may speak for which device.

Rule: the only home of `cryptography` in the cloud. A device's private key is never seen here.
"""
