"""Erasing a person's data, and retiring old cases."""
