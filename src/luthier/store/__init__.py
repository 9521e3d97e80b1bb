"""The index over runs."""
