"""What the stages share: settings, broker, database, errors, lifecycle, health, metrics, logs."""
