"""What a device trusts, and how far it has come, on disk.

Rule: one file, replaced by one rename when something in it changed: after a power cut there is all of the old
knowledge or all of the new. python-tuf does not make sure of what it writes, and loses its guard against
older metadata with a torn file; so it works in a folder beside, which is thrown away, and what it verified
is taken over from there.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contract.archive import write_atomically
from contract.durable import exclusive, make_folder
from ota.errors import StorageError

_LOG = logging.getLogger(__name__)
TRUST_FILE, DAMAGED_FILE = "trust.json", "trust.damaged"
_FORMAT = 1
_LOCK_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What was verified."""

    metadata: Mapping[str, bytes] = field(default_factory=dict)
    """By its path in python-tuf's folder; the newest of each, below which nothing is accepted."""
    complete: Mapping[str, bytes] = field(default_factory=dict)
    """The newest of which all belongs together: what there is to go by without a connection."""
    tag: str = ""
    """By which the server knows the timestamp."""
    assignment: str = ""
    """The last one for this device, as it was signed."""
    assignment_tag: str = ""
    """By which the server knows it."""


class TrustStore:
    """A folder of the device's own.

    Raises:
        StorageError: it cannot be read or written; so do all methods.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with storage_errors(folder):
            make_folder(folder)
        self._path = folder / TRUST_FILE
        self.work = folder / "work"
        """Where python-tuf works."""

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the only one who changes it.

        Raises:
            StorageError: another process is at it.
        """
        with storage_errors(self._folder), exclusive(self._folder / ".lock", _LOCK_WAIT_S):
            for torn in self._folder.glob(f".{TRUST_FILE}.*"):
                torn.unlink()
            yield

    def load(self) -> Knowledge:
        """What is known; a damaged file is put aside and counts as nothing, which is logged."""
        with storage_errors(self._folder):
            try:
                record = json.loads(self._path.read_bytes())
                content = record["content"]
                if record["format"] != _FORMAT or record["digest"] != _digest(content):
                    raise ValueError("digest or format does not fit")
                return _parse(content)
            except FileNotFoundError:
                return Knowledge()
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                _LOG.error(
                    "what is trusted cannot be read; beginning anew from the root that was shipped",
                    extra={"reason": str(error), "kept_as": DAMAGED_FILE},
                )
                self._path.replace(self._folder / DAMAGED_FILE)
                return Knowledge()

    def save(self, knowledge: Knowledge) -> None:
        """Replace what is known; the same again costs no write."""
        content = _format(knowledge)
        record = {"format": _FORMAT, "digest": _digest(content), "content": content}
        data = json.dumps(record).encode()
        with storage_errors(self._folder):
            if not self._path.exists() or self._path.read_bytes() != data:
                write_atomically(self._path, data, 0o600)

    def lay_out(self, metadata: Mapping[str, bytes]) -> None:
        """Put known metadata where python-tuf looks for it, and nothing else."""
        with storage_errors(self._folder):
            shutil.rmtree(self.work, ignore_errors=True)
            self.work.mkdir()
            for name, data in metadata.items():
                path = self.work / name
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(data)

    def collect(self) -> dict[str, bytes]:
        """What python-tuf has verified, by its path in its folder."""
        with storage_errors(self._folder):
            found = (path for path in sorted(self.work.rglob("*.json")) if not path.is_symlink())
            return {str(path.relative_to(self.work)): path.read_bytes() for path in found}


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Make errors of the disk ours.

    Raises:
        StorageError: in words.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(f"{folder}: {error.strerror or error}") from error


def _format(knowledge: Knowledge) -> dict[str, Any]:
    return {
        "metadata": {name: data.decode() for name, data in sorted(knowledge.metadata.items())},
        "complete": {name: data.decode() for name, data in sorted(knowledge.complete.items())},
        "tag": knowledge.tag,
        "assignment": knowledge.assignment,
        "assignment_tag": knowledge.assignment_tag,
    }


def _parse(content: dict[str, Any]) -> Knowledge:
    metadata, complete = (
        {str(name): str(text).encode() for name, text in content[part].items()}
        for part in ("metadata", "complete")
    )
    texts = (str(content[name]) for name in ("tag", "assignment", "assignment_tag"))
    return Knowledge(metadata, complete, *texts)


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
