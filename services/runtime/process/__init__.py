"""The life of a service process: start, signals, health, HTTP."""
