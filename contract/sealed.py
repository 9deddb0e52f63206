"""A file of parts whose manifest names what each part's bytes must be.

Rule: what was sealed is opened whole or refused whole. The manifest is a JSON object with the format's number
and the SHA-256 of every other part; a part that is missing, extra or changed is damage. Whether the file
comes from the right hands is not this module's question.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.archive import MAX_PART_BYTES, pack, unpack, write_atomically
from contract.errors import BundleError

MANIFEST = "manifest.json"
SLACK_BYTES = 65_536
"""What names and headers of an archive may add to its parts."""
_TFLITE_MARK = slice(4, 8)
"""Where a TFLite FlatBuffer says `TFL3`."""


@dataclass(frozen=True, slots=True)
class Seal:
    """What a kind of sealed file holds."""

    format: int
    """Number that its manifest must show."""
    advice: str
    """What to do about a file of another format."""
    parts: tuple[str, ...]
    """After the manifest, in this order."""
    optional: tuple[str, ...] = ()
    """Parts that may follow them."""
    largest_part: int = MAX_PART_BYTES
    """Bytes of one part, at most."""

    @property
    def largest(self) -> int:
        """Bytes of a whole file, at most."""
        return (1 + len(self.parts) + len(self.optional)) * self.largest_part + SLACK_BYTES

    def close(self, content: Mapping[str, Any], parts: Mapping[str, bytes]) -> bytes:
        """Make the file: the same content and parts give the same bytes.

        Raises:
            BundleError: the content is no plain JSON, or a part is too large.
        """
        digests = {name: _digest(part) for name, part in parts.items()}
        whole = {**content, "format": self.format, "sha256": digests}
        try:
            text = json.dumps(whole, indent=1, sort_keys=True, allow_nan=False, default=dict)
        except (TypeError, ValueError) as error:
            raise BundleError(f"manifest: metrics and lineage must be plain JSON: {error}") from error
        return pack({MANIFEST: text.encode() + b"\n", **parts}, self.largest_part)

    def open(self, data: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
        """Take a file apart: the manifest's content and the other parts.

        Raises:
            BundleError: anything in it is not as `close` makes it.
        """
        _require(len(data) <= self.largest, f"larger than {self.largest} bytes")
        parts = unpack(data, (MANIFEST, *self.parts), self.optional, self.largest_part)
        content = self._read_manifest(parts.pop(MANIFEST))
        says, digests = content["sha256"], {name: _digest(part) for name, part in parts.items()}
        for name in sorted(digests.keys() | says.keys()):
            _require(says.get(name) == digests.get(name), f"{name} is not what the manifest says: damaged")
        return content, parts

    def _read_manifest(self, data: bytes) -> dict[str, Any]:
        try:
            content = json.loads(data, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise BundleError(f"{MANIFEST} is no JSON: {error}") from error
        _require(isinstance(content, dict), f"{MANIFEST} must be a JSON object")
        _require(
            content.get("format") == self.format,
            f"{MANIFEST}: this code reads format {self.format}; {self.advice}",
        )
        _require(isinstance(content.get("sha256"), dict), f"{MANIFEST}: sha256 must be an object")
        found: dict[str, Any] = content
        return found


def write_sealed(path: Path, data: bytes) -> None:
    """Write a sealed file; readers see the old file or the new one, never half of it.

    Raises:
        BundleError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data)
    except OSError as error:
        raise BundleError(f"bundle {path} cannot be written: {error}") from error


def read_sealed(path: Path, largest: int) -> bytes:
    """A file's bytes.

    Raises:
        BundleError: it cannot be read, or is larger than allowed and was not read.
    """
    try:
        with path.open("rb") as source:
            _require(path.stat().st_size <= largest, f"bundle {path}: larger than {largest} bytes")
            return source.read(largest + 1)
    except OSError as error:
        raise BundleError(f"bundle {path} cannot be read: {error}") from error


def require_tflite(model: bytes, name: str, largest: int = MAX_PART_BYTES) -> None:
    """Refuse a part that is no TFLite model.

    Raises:
        BundleError: it does not say so of itself, or is too large.
    """
    _require(model[_TFLITE_MARK] == b"TFL3", f"{name} is no TFLite model")
    _require(len(model) <= largest, f"{name} is larger than {largest} bytes")


def take_fields(content: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    """The named fields of a manifest; what a newer writer added is left aside.

    Raises:
        BundleError: one is missing.
    """
    missing = sorted(names - set(content))
    _require(not missing, f"{MANIFEST}: {', '.join(missing)} is missing")
    return {name: content[name] for name in names}


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _digest(part: bytes) -> str:
    return hashlib.sha256(part).hexdigest()


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise BundleError(message)
