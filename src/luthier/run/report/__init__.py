"""Pages for people, of a run and of data: one HTML file each that asks nothing of the network."""

from luthier.run.report.findings import render_findings
from luthier.run.report.page import render

__all__ = ["render", "render_findings"]
