"""The desk with many cases."""
