"""Composing a note or an answer: suggested recipients, drafts, ready-made texts, uploaded files."""
