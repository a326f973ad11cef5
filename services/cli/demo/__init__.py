"""`mailcase demo`: the main path on private servers."""
