"""Reading the TOML file: its tables, their lines, and the usual causes of a mistake in it."""
