"""Accounts over HTTP: headers, cookies, and the pages before signing in."""
