"""Reads a mailbox by IMAP (RFC 3501, RFC 9051)."""
