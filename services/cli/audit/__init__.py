"""`mailcase audit`."""
