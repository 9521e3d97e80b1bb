"""Rows as vectors, and what can be seen in them."""
