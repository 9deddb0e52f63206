"""Deals test files to the processes of pytest-xdist.

Rule: files that share what takes long to train go to one process, which then trains it once. Long files are
dealt before short ones, so that no process is left with a long one at the end; and of the long ones those
that train nothing before those that do, because a process that has trained is large, and slow to fork.
"""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from xdist.scheduler import LoadFileScheduling

TOGETHER = ("tests/models", "tests/models/forecast")
"""Folders whose files share trained networks."""
TRAINING = ("tests/models/", "tests/industrialguard/bench/")


class FilesInOrder(LoadFileScheduling):  # type: ignore[misc]  # xdist's base is untyped
    """A file, or a folder of `TOGETHER`, is dealt whole, in the order in which tests were collected."""

    def __init__(self, config: pytest.Config) -> None:
        config.option.loadscopereorder = False  # xdist would begin with the files of most tests
        super().__init__(config)

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        folder = str(PurePosixPath(file).parent)
        return folder if folder in TOGETHER else file


def put_in_order(items: list[pytest.Item]) -> None:
    """Long files first; tests of a file stay as they are."""
    long = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path not in long, item.nodeid.startswith(TRAINING)))
