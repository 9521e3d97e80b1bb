"""Which rows are trained on, chosen by and judged by."""
