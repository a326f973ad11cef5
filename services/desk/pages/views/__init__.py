"""What each page shows, as frozen structs. Pure; templates read these and nothing else.

Values are raw: times are aware UTC, sizes are bytes, words are the constants of `schemas`. The
templates write them in the reader's language.
"""
