"""A fleet that is updated over the air: real devices' parts and a real cloud in a world that fails.

Rule: what decides is real (client, trust, slots, repository, rollouts, store); what surrounds it is
simulated: time, disks that forget, links that break, clocks, and how a model behaves on a machine.
"""
