"""What one transaction writes, and the events and replay effects that follow from it."""
