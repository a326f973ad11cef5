"""`mailcase backup` and `mailcase restore`: a verified copy of database, settings and keys."""
