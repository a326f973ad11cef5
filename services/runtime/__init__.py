"""What the services share: settings, broker, database, errors, lifecycle, health, metrics, logs."""
