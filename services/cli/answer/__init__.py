"""`mailcase reply` and `mailcase recall`: answers by mail."""
