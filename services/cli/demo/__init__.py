"""`mailcase demo`."""
