"""The private servers: RabbitMQ, MongoDB, Dovecot, an SMTP sink and Prometheus."""
