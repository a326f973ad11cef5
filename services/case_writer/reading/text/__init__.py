"""Plain text: decoding, format=flowed, quotes and signatures."""
