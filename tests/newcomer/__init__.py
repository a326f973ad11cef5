"""A new user on a bare system: the README's commands, from the clone to the first own case."""
