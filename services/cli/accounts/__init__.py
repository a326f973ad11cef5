"""`mailcase user` and `mailcase token`."""
