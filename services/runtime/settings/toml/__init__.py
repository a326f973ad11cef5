"""Reads the TOML file: its tables, their lines, and the usual causes of mistakes."""
