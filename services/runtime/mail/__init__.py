"""Header fields, addresses and charsets of mail: what router, case writer and sender share.
Pure.
"""
