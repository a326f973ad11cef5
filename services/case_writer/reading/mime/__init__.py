"""The MIME structure of a mail: parts, parameters, transfer encodings."""
