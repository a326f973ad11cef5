"""Other help desks, measured in the same run."""
