"""Webhooks: signed notifications of changes, which are stored, retried and redelivered."""
