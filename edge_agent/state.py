"""What an agent has learned of its machine, on disk.

Rule: written aside, synced, renamed: after a power cut there is the old state or the new one, never half of
one. A damaged file is moved aside and said so; a state learned with another model or profile is not used.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_LOG = logging.getLogger(__name__)
FORMAT = 1
"""Version of the file's layout."""


@dataclass(frozen=True, slots=True)
class StateStamp:
    """What a learned state is bound to; any difference means warming up anew."""

    bundle: str
    bundle_version: str
    profile: str
    profile_version: int


class StateFile:
    """One JSON file that survives power loss."""

    def __init__(self, path: Path, stamp: StateStamp) -> None:
        self._path = path
        self._stamp = asdict(stamp)

    def load(self) -> dict[str, Any] | None:
        """The last state saved for this model and profile; None when there is none to use."""
        try:
            text = self._path.read_text("utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            self.set_aside(str(error))
            return None
        try:
            record = json.loads(text)
            content = record["content"]
            is_whole = record["format"] == FORMAT and record["digest"] == _digest(content)
            stamp = record["stamp"]
        except (ValueError, KeyError, TypeError) as error:
            self.set_aside(f"unreadable: {error}")
            return None
        if not is_whole or not isinstance(content, dict):
            self.set_aside("digest or format does not fit")
            return None
        if stamp != self._stamp:
            _LOG.info("state belongs to another model or profile; warming up anew", extra={"found": stamp})
            return None
        return content

    def save(self, content: dict[str, Any]) -> bool:
        """Replace the file; False when the disk did not take it (logged, the old one stays)."""
        record = {"format": FORMAT, "stamp": self._stamp, "digest": _digest(content), "content": content}
        aside = self._path.with_suffix(".new")
        try:
            with aside.open("w", encoding="utf-8") as file:
                file.write(json.dumps(record))  # at once: `json.dump` leaves the C encoder unused
                file.flush()
                os.fsync(file.fileno())
            aside.replace(self._path)
            _sync_folder(self._path.parent)
        except OSError as error:
            _LOG.warning(
                "learned state could not be written", extra={"path": str(self._path), "reason": str(error)}
            )
            return False
        return True

    def set_aside(self, reason: str) -> None:
        """Move a file that cannot be used out of the way, keeping it for inspection."""
        kept = self._path.with_name(f"{self._path.name}.damaged-{time.time_ns()}")
        _LOG.error(
            "learned state cannot be used; warming up anew", extra={"reason": reason, "kept_as": str(kept)}
        )
        try:
            self._path.rename(kept)
        except OSError as error:
            _LOG.warning("unusable state could not be moved aside", extra={"reason": str(error)})


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
