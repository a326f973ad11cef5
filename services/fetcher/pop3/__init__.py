"""A mailbox read by POP3 (RFC 1939)."""
