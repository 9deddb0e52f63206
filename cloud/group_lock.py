"""One living consumer for each group and topic, across processes.

Rule: the lock is the kernel's (flock), so it goes with its process, however that ends.
"""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

from cloud.errors import GroupBusyError


class GroupLock:
    """Held from construction until `release`.

    Args:
        path: A file made for this lock; it stays behind, empty.

    Raises:
        GroupBusyError: another living consumer holds it.
    """

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("wb")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise GroupBusyError(
                f"another process consumes as {path.name}; stop it or use another data folder"
            ) from error

    def release(self) -> None:
        """Let the next one in."""
        self._file.close()
