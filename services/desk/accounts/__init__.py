"""Who logs in to the desk: users, passwords, sessions, tokens, one-time links, OpenID."""
