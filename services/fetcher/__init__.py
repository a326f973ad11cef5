"""The service that fetches mail: it publishes, waits for the receipt, and only then removes."""
