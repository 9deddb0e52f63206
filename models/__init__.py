"""Recordings, training, quantisation and bundles.

Rule: the only home of TensorFlow; `recordings` works without it. What leaves is a bundle, a file.
"""
