"""`mailcase init`: asks questions and writes working settings."""
