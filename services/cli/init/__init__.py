"""`mailcase init`: a conversation that ends in settings that work."""
