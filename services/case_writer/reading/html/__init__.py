"""HTML: normalized, sanitized, and laid out as text."""
