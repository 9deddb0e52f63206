"""Whether each work order becomes one record of a maintenance system, whatever is killed meanwhile."""
