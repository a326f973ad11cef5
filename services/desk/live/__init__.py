"""Live events: changes of cases, sent to everyone who may see them."""
