"""The desk over many cases."""
