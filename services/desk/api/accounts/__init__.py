"""Accounts as resources: oneself, users, sessions, tokens, the audit log."""
