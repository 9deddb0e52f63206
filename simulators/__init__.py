"""The outside world, seeded: machines that wear, replayed recordings, a broker, a fleet and the demo.

Rule: simulators feed sensors and start the real programs; nothing here pretends to be part of the product.
"""
