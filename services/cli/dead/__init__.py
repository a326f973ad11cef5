"""`mailcase dead`: list, show, retry and discard dead letters."""
