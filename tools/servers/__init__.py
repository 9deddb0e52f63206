"""Real servers for tests, benchmarks and trying things by hand: Mosquitto, PostgreSQL and Kafka.

Rule: each server has a port of its own on 127.0.0.1 and a folder of its own, nothing of it outlives the run,
and what this machine lacks is said with how to get it.
"""
