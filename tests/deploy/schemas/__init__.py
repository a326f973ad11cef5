"""Schemas of custom resources, made of what their projects publish: README.md has the list."""
