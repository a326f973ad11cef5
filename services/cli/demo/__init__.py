"""`mailcase demo`: a demonstration on private servers."""
