"""Recognizes the lines that programs on phones add below a text."""
