"""Reads fields: from text and files to values with evidence. Pure."""
