"""A real browser for tests: Debian's Chromium, headless.

Set HARNESS_SCREENSHOTS to a folder to keep what the browser saw.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.tracking.dashboard import start_dashboard

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TIMEOUT = 60_000  # ms

MARKS = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium: apt install chromium"),
]


@contextmanager
def chromium() -> Iterator[Any]:
    """Playwright's browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, headless=True, args=ARGUMENTS
        )
        yield browser
        browser.close()


@contextmanager
def dashboard_page(uri: str) -> Iterator[tuple[Any, int]]:
    """An empty page, and the port on which the dashboard of a resolved store is served."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    dashboard = start_dashboard(uri, "127.0.0.1", port)
    try:
        with chromium() as browser:
            page = browser.new_page(viewport={"width": 1900, "height": 1600})
            page.set_default_timeout(TIMEOUT)
            yield page, port
    finally:
        dashboard.terminate()
        dashboard.wait()


def keep(page: Any, name: str, *, whole: bool = False) -> None:
    """Takes a screenshot, of what is in sight or of the whole page, if HARNESS_SCREENSHOTS is set."""
    if folder := os.environ.get("HARNESS_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=whole)
