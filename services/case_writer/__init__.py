"""The service that turns commands into cases, comments, attachments and outcomes."""
