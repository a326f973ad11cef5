"""`mailcase replay`."""
