"""Periodic work beside the queue: the blob sweep and the gauge of parked mail."""
