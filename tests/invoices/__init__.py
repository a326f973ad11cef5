"""Generates structured invoices for tests. It uses the standards and nothing of the product."""
