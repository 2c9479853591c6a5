"""Where the browser of this machine is. Every test run asks, so nothing heavy is imported here."""

from __future__ import annotations

import os
import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome")

HOW_TO_GET_IT = (
    "No Chromium was found: install it (on Debian and Ubuntu: `apt-get install chromium`; macOS: `brew install "
    "chromium`), or name one in CHROMIUM."
)


def find_browser() -> str | None:
    """The program, if there is one."""
    named = os.environ.get("CHROMIUM")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)
