"""The sections of the settings, one struct each; `file.py` joins them."""
