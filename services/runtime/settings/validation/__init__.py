"""Whether the settings fit each other; `settings.py` calls the others. Pure."""
