"""Mailcase's contracts: messages, stored documents, the case reference. msgspec and the standard library only."""
