"""Mail that leaves: acknowledgements and answers, queued in the outbox."""
