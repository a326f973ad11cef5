"""Accounts over HTTP: proofs in headers, cookies, and the form pages before signing in."""
