"""The contracts: messages, stored documents, the case reference.

This package needs msgspec and the standard library only.
"""
