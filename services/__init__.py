"""The stages of Mailcase, what they share, and the `mailcase` command above them."""
