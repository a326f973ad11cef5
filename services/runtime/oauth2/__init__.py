"""OAuth2 access tokens for mailboxes and SMTP servers."""
