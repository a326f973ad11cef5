"""`mailcase case`: look at cases and work them."""
