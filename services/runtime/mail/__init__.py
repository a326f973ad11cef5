"""Header fields, addresses and charsets of mail: shared by the router, the case writer and the
sender. Pure.
"""
