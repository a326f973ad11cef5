"""`mailcase dead`: look at dead letters, retry and discard them."""
