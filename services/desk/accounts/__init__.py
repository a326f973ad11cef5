"""Accounts of the desk: users, passwords, sessions, tokens, one-time links, OpenID."""
