"""What a published set becomes."""

from __future__ import annotations

from typing import Any

Rows = list[dict[str, Any]]
Parts = dict[str, Rows]
"""Rows of train, validation and test."""
