"""One fetcher per mailbox at a time."""
