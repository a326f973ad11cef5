"""Baselines: bare programs with the same server operations as the services, for comparison."""
