"""`mailcase service`: `mailcase up` as a service of systemd."""
