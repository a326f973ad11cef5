"""What `mailcase replay` is made of: which mails, where they were, publishing them, hearing of the effects."""
