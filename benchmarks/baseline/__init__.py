"""Bare programs that do what a service asks of the servers: what the services are compared with."""
