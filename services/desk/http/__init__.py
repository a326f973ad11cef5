"""What every request of the desk goes through: decoding, access, conditions, errors."""
