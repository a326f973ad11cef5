"""Periodic work that no message triggers: the blob sweep and the gauge of parked mail."""
