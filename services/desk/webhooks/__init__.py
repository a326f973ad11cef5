"""Webhooks: signed notices of changes, stored, retried and redelivered."""
