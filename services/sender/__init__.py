"""The sender: mails acknowledgements and answers from cases, each at least once and always as the
same mail.
"""
