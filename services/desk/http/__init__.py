"""The steps of every request to the desk: decoding, access, conditions, errors."""
