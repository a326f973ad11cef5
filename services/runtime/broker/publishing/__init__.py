"""Publishing messages in batches, and waiting for their confirms."""
