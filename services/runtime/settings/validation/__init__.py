"""Checks that the settings are consistent; `settings.py` calls the other modules. Pure."""
