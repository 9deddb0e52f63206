"""The program of one device: sample → score → broker; survives power and network loss.

Rule: no TensorFlow, web, stream or ORM library is ever loaded here, so that it runs on a small computer
beside the machine.
"""
