"""RabbitMQ: the only package that imports its drivers."""
