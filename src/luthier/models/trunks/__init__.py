"""Ways to run a model without padding: `general` for any architecture, one file per fast family."""
