"""Makes structured invoices for tests. Knows the standards and nothing of the product."""
