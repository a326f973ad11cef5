"""What operators look at: parked mail, mailboxes, the flow of mail."""
