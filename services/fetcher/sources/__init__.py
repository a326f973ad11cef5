"""Parts that the IMAP and POP3 sources share."""
