"""What a span of recordings says of itself.

Rule: it is written once beside the windows and never changed; it names them by their content, so that the
same recordings are known again.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from contract.errors import ConfigError, DataError
from contract.snapshot import Origin
from contract.toml_tables import build, show

FORMAT = 1
_HASH_PATTERN = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class RecordingManifest:
    """Recordings of one profile's machines, as a span holds them.

    Raises:
        DataError: a hash that is none, or nothing recorded.
    """

    profile: str
    """Name of the profile."""
    origin: Origin
    machines: int
    windows: int
    sha256: str
    """Of the windows of all machines, in lower-case hex."""

    def __post_init__(self) -> None:
        if not _HASH_PATTERN.fullmatch(self.sha256):
            raise DataError("sha256 must be 64 hex digits")
        if not 0 < self.machines <= self.windows:
            raise DataError(
                f"{self.machines} machines with {self.windows} windows: there is nothing to learn"
            )

    @property
    def name(self) -> str:
        """A name for lineage: profile, cut and content, such as `pump-20260301T000000Z-1f3a9c2b7d10`."""
        return f"{self.profile}-{self.origin.cut:%Y%m%dT%H%M%SZ}-{self.sha256[:12]}"

    def has_same_content(self, other: RecordingManifest) -> bool:
        """Whether both name the same windows, whenever they were written."""
        return replace(self, origin=other.origin) == other


@dataclass(frozen=True, slots=True)
class _OriginTable:
    cut: str
    created: str
    source: str
    code_version: str
    key_id: str


@dataclass(frozen=True, slots=True)
class _ManifestTable:
    """The manifest as JSON holds it, so that one strict reader checks keys and types."""

    recordings: int
    profile: str
    origin: _OriginTable
    machines: int
    windows: int
    sha256: str


def format_recording_manifest(manifest: RecordingManifest) -> str:
    """The manifest as JSON; equal manifests give equal text."""
    table = {"recordings": FORMAT, **asdict(manifest)}
    return json.dumps(table, indent=1, ensure_ascii=False, default=datetime.isoformat) + "\n"


def parse_recording_manifest(text: str) -> RecordingManifest | None:
    """Read back what `format_recording_manifest` wrote; None for the manifest of something else.

    Raises:
        DataError: it is damaged, or of another format; says what is wrong in one line.
    """
    try:
        table = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"the manifest is no JSON: {show(str(error))}") from error
    if not isinstance(table, dict) or "recordings" not in table:
        return None
    if table["recordings"] != FORMAT:
        raise DataError(f"the manifest is of format {show(table['recordings'])}, not {FORMAT}")
    try:
        read = build(_ManifestTable, table, "manifest")
        origin = asdict(read.origin)
        times = {name: datetime.fromisoformat(origin[name]).astimezone(UTC) for name in ("cut", "created")}
    except (ConfigError, ValueError) as error:
        raise DataError(str(error)) from error
    return RecordingManifest(read.profile, Origin(**origin | times), read.machines, read.windows, read.sha256)
