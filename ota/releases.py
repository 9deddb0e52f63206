"""A model on its way out of the registry, or out of files that came from one.

Rule: a release is whole: bytes that their own papers vouch for, and a version that nothing else has.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from contract.bundle import MAX_BUNDLE_BYTES
from contract.errors import BundleError
from contract.registry import ModelKind, ModelLine, Papers, Registry
from contract.sealed import read_sealed
from ota.errors import RepositoryError


@dataclass(frozen=True, slots=True)
class Release:
    """What shall be published."""

    family: str
    version: str
    """As the registry names it."""
    bundle: bytes = field(repr=False)
    papers: Papers = field(repr=False)


def from_registry(folder: Path, family: str, version: str = "") -> Release:
    """A model of the registry.

    Args:
        folder: Of the registry.
        family: The machine type.
        version: Empty: the champion.

    Raises:
        RepositoryError: it has no champion.
        RegistryError: it has no such version, or is damaged.
    """
    registry, line = Registry(folder), ModelLine(family, ModelKind.EDGE)
    found = registry.version(line, version) if version else registry.champion(line)
    if found is None:
        raise RepositoryError(f"the registry {folder} has no model in charge of {family}; name a --version")
    return Release(family, found.version, found.read_bundle(), found.papers)


def from_files(family: str, version: str, bundle: Path, papers: Path) -> Release:
    """A model as the registry laid it down, copied from it.

    Args:
        family: The machine type.
        version: As the registry named it.
        bundle: `model.igb`.
        papers: `record.json` beside it.

    Raises:
        RepositoryError: a file cannot be read, or the papers are another bundle's.
    """
    try:
        data = read_sealed(bundle, MAX_BUNDLE_BYTES)
        record = json.loads(papers.read_bytes())
        found = Papers("", record["is_blessed"] is True, dict(record["blessing"]), dict(record["lineage"]))
        digest = record["sha256"]
    except (BundleError, OSError) as error:
        raise RepositoryError(f"the release cannot be read: {error}") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise RepositoryError(f"{papers} is no record of the registry: {error}") from error
    if hashlib.sha256(data).hexdigest() != digest:
        raise RepositoryError(f"{papers} is about another bundle than {bundle}")
    return Release(family, version, data, found)
