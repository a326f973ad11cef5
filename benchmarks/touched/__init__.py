"""How often each service touches the bytes of a mail."""
