"""The steps that every request to the desk goes through: decoding, access, conditions, errors."""
