"""The picture of the README: python -m tests.browser.picture REPORT docs/images/report.png"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.browser.conftest import started

WIDTH, HEIGHT = 1000, 1010


def take(report: Path, picture: Path) -> None:
    """Save the top of `report` as a PNG."""
    with tempfile.TemporaryDirectory() as profile, started(Path(profile)) as browser:
        browser.open(report.resolve(), width=WIDTH)
        size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.driver.save_screenshot(str(picture))


if __name__ == "__main__":
    take(Path(sys.argv[1]), Path(sys.argv[2]))
