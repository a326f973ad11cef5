"""What each page shows, as frozen structs. Pure; templates read only these.

Values are raw: times are aware UTC, sizes are in bytes, words are the constants of `schemas`.
Templates format them in the reader's language.
"""
