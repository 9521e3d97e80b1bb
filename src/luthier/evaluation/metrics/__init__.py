"""One file per metric."""

from luthier.core.registry import Registry
from luthier.evaluation.metrics.contract import Metric

metrics: Registry[type[Metric]] = Registry("luthier.evaluation.metrics", word="metric")

__all__ = ["Metric", "metrics"]
