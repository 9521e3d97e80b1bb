"""What the model forgot: general text and neutral prompts, before and after tuning."""

from luthier.evaluation.retention.measure import retention

__all__ = ["retention"]
