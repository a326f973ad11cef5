"""The service that sends acknowledgements, notices and answers, each at least once and always as
the same mail.
"""
