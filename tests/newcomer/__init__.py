"""A new user on a bare system, who follows README.md from the clone to their first case."""
