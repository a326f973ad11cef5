"""Full-text search: terms, the index and queries."""
