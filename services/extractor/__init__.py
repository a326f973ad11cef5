"""Reads fields out of the mails of a case, with evidence for every value."""
