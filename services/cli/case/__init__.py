"""`mailcase case`: show cases and work on them."""
