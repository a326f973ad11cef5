"""Attachments: file names, media types, containers."""
