"""The service that reads fields from the mails of a case, with evidence for every value."""
