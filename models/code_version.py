"""Which code runs: what lineage names, so that a model can be made again.

Rule: from a checkout it is the commit, with `-dirty` when files were changed since; from an installed package
it is the version. It never fails.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
from pathlib import Path

PROJECT_FOLDER = Path(__file__).resolve().parents[1]


def find_code_version(folder: Path = PROJECT_FOLDER) -> str:
    """The commit of the code that runs; outside git its version, and `unknown` where it is not installed."""
    git = shutil.which("git")
    if git is None or not (folder / ".git").exists():
        return _installed_version()
    line = [git, "-C", str(folder), "describe", "--always", "--abbrev=40", "--dirty", "--match", ""]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else _installed_version()


def _installed_version() -> str:
    try:
        return importlib.metadata.version("industrialguard")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
