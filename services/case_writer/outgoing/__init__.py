"""Outgoing mail: acknowledgements and answers, queued in the outbox."""
