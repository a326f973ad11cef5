"""`mailcase audit`: checks the database for consistency."""
