"""Webhooks as resources, with their deliveries."""
