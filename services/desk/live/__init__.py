"""Live events: what changed in cases, to whoever may see it."""
