"""Passwords, tokens and one-time links: how they are created, stored and checked."""
