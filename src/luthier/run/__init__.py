"""What happened: the run directory."""
