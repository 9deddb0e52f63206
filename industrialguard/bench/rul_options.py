"""How a benchmark of remaining useful life is run, whatever the data set.

Rule: what changes figures is said in the report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contract.errors import ConfigError
from industrialguard.bench.side_by_side import Kept
from models.code_version import find_code_version


@dataclass(frozen=True, slots=True)
class RulOptions:
    """What the command line says."""

    seeds: Sequence[int]
    """For contenders that are seeded; at least one."""
    plot: Path | None = None
    """Where to draw what the main contender said over lives."""
    jobs: int = 1
    """Processes side by side."""
    keep: Path | None = None
    """Folder for what fits gave, so that an interrupted run goes on."""

    def kept(self, data: object) -> Kept | None:
        """Where fits of this code to such data are kept.

        Raises:
            ConfigError: the folder cannot be made, or the code has changes that nothing names.
        """
        if self.keep is None:
            return None
        version = find_code_version()
        if version.endswith("-dirty"):
            raise ConfigError(
                "--keep: commit first; what changed code finds cannot be told from what it found"
            )
        return Kept(self.keep, f"{version} {data!r}")

    @property
    def sentences(self) -> tuple[str, ...]:
        """What the protocol says of it."""
        if self.jobs == 1:
            return ()
        return (f"Fitted by {self.jobs} processes side by side; each had one core, which fit_s is told of.",)
