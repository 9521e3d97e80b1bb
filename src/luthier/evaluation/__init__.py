"""Tasks, metrics, paired statistics, arms, retention."""
