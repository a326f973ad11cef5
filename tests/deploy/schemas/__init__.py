"""Schemas of custom resources, derived from what their projects publish; README.md lists them."""
