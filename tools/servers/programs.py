"""Finds what servers are started with.

Rule: nothing is installed here; what is missing is named, with the way to get it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

# Debian keeps servers in sbin, which is not on everybody's PATH; Homebrew has two homes.
SERVER_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin", "/opt/homebrew/bin")

PREFIX = "INDUSTRIALGUARD_TEST_"
"""Of the variables that tell where servers run: INDUSTRIALGUARD_TEST_KAFKA and so on."""


class LackingError(Exception):
    """This machine has no such server; the message says how to get it."""


class ServerError(Exception):
    """A server did not start, or did not stop; the message holds the end of its log."""


def find_program(*names: str, folders: tuple[str, ...] = SERVER_FOLDERS) -> str | None:
    """Path of the first of these programs that is installed."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *folders))
    return next((found for name in names if (found := shutil.which(name, path=path))), None)


def require_program(*names: str, how: str, folders: tuple[str, ...] = SERVER_FOLDERS) -> str:
    """The same, of one that must be there.

    Raises:
        LackingError: it is not.
    """
    found = find_program(*names, folders=folders)
    if found is None:
        raise LackingError(f"{names[0]} is not installed: {how}")
    return found


def cache_folder() -> Path:
    """Where downloads are kept between runs; made by whoever fills it."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "industrialguard"
