"""What `mailcase audit` is made of: the checks, what they find, and the archives."""
