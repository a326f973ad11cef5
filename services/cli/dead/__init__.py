"""`mailcase dead`: show, retry and discard dead letters."""
