"""Mails as files: `mailcase ingest` reads them, `mailcase mail` saves them."""
