"""A real browser without a window, or a skip that says why there is none."""

from __future__ import annotations

import importlib
import importlib.util
import json
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


class Browser:
    """Opens files and addresses, and remembers what they asked for and complained about."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, page: Path | str, *, width: int = 1200, scheme: str = "light") -> None:
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.get_log("performance"), self.driver.get_log("browser")
        self.driver.get(page if isinstance(page, str) else page.as_uri())

    def requests(self) -> list[str]:
        """Addresses asked for since `open`, the page itself included."""
        entries = [json.loads(entry["message"]) for entry in self.driver.get_log("performance")]
        sent = [e["message"] for e in entries if "requestWillBeSent" in e["message"]["method"]]
        return [message["params"]["request"]["url"] for message in sent if _has_url(message)]

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def run(self, script: str) -> Any:
        return self.driver.execute_script(script)


def _has_url(message: dict[str, Any]) -> bool:
    return "url" in message["params"].get("request", {})


def missing() -> str:
    """Why there is no browser here, or an empty string."""
    if importlib.util.find_spec("selenium") is None:
        return "selenium is not installed"
    if not (_program() and shutil.which("chromedriver")):
        return "chromium and chromedriver are not installed: apt install chromium-driver"
    return ""


@contextmanager
def started(profile: Path) -> Generator[Browser]:
    """A browser whose profile is the empty folder `profile`."""
    webdriver: Any = importlib.import_module("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = _program()
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield Browser(driver)
    finally:
        driver.quit()


def _program() -> str:
    return shutil.which("chromium") or shutil.which("chromium-browser") or ""


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if missing():
        pytest.skip(missing())
    with started(tmp_path_factory.mktemp("profile")) as found:
        yield found
