"""The stages of the training pipeline, each a component of `models.pipeline`'s one graph.

Rule: what a stage decides is a plain function that can be tested without TFX; the component around it only
reads and writes artifacts.
"""
