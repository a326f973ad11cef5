"""`mailcase up`: everything on this machine, supervised."""
