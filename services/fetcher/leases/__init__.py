"""One reader for each mailbox, over all replicas of the fetcher."""
