"""A repository of sixteen machine families, made by the code that ships, with keys of its own.

Rule: what is published went through `ota.publishing`. Lists longer than the policy allows are laid down by
one change through `ota.repository`, entry for entry as publishing writes them.
"""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path

from tuf.api.metadata import TargetFile

from contract.bundle import FORMAT, Bundle, format_bundle, load_bundle
from contract.registry import Papers
from models.flatbuffer import read_convolutions
from ota import rotation
from ota.client import UpdateClient, open_web
from ota.draft import Draft
from ota.keys import make_key, open_ring
from ota.layout import bundle_target, family_role
from ota.publishing import FACTS, publish
from ota.releases import Release
from ota.repository import Repository
from ota.roles import ONLINE, ROOT, TARGETS
from ota.sources import ClientSettings

FAMILIES = tuple(f"machine-{number:02}" for number in range(16))
DEVICE = f"{FAMILIES[0]}-a"
RELEASED = datetime(2026, 1, 1, tzinfo=UTC)
CHANGED_SHARE = 0.5
"""Of the weights from one version to the next, by one step: as fine-tuning leaves them (mode `delta`)."""


class Publisher:
    """Who publishes.

    Args:
        folder: Its own; keys and repository lie in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "repository"
        self.has_deltas = True
        keys = folder / "keys"
        keys.mkdir(parents=True)
        names = ("root-1", "root-2", "root-3", TARGETS, *ONLINE, "director", "family")
        public = {name: make_key(keys / f"{name}.pem") for name in names}
        self.director_key = f"file:{keys / 'director.pem'}"
        self.repository = Repository(self.folder, open_ring(f"file:{keys / name}.pem" for name in names))
        roots = tuple(public[name] for name in names[:3])
        given = {ROOT: roots, **{name: (public[name],) for name in (TARGETS, *ONLINE, "director")}}
        self.repository.change(lambda draft: rotation.found(draft, self.repository.folder, given))
        for family in FAMILIES:
            self.repository.change(partial(rotation.delegate, family=family, keys=(public["family"],)))

    @property
    def root(self) -> bytes:
        """What a device is shipped with."""
        return (self.folder / "metadata" / "1.root.json").read_bytes()

    def publish(self, family: str, number: int) -> Release:
        """Publish a version of a family as the policy has it.

        Raises:
            UpdateError: it is refused.
        """
        release = make_release(family, number)
        publish(self.repository, release)
        return release

    @contextmanager
    def session(self, home: Path, url: str) -> Iterator[ClientSession]:
        """A look of the device that keeps what it knows in that folder."""
        settings = ClientSettings(home, self.root, DEVICE, url)
        with open_web(settings, datetime.now(UTC), threading.Event()) as client:
            yield ClientSession(client)


class LongLists(Publisher):
    """The same with more listed than a policy allows.

    Args:
        folder: Its own.
        count: Bundles that are listed at once; there are no files behind them.
    """

    def __init__(self, folder: Path, count: int) -> None:
        super().__init__(folder)
        self.has_deltas = False
        entries = list_entries(count)

        def edit(draft: Draft) -> None:
            for family in FAMILIES:
                own = {entry.path: entry for entry in entries if entry.path.startswith(f"{family}/")}
                if own:
                    draft.edit(family_role(family)).targets = own

        self.repository.change(edit)

    def publish(self, family: str, number: int) -> Release:
        """Put one more release on the list, with its file; nothing is taken off."""
        release = make_release(family, number)
        path = bundle_target(family, release.version)

        def edit(draft: Draft) -> None:
            self.repository.folder.write_target(path, release.bundle)
            draft.edit(family_role(family)).targets[path] = _entry(path, release.bundle, number)

        self.repository.change(edit)
        return release


class ClientSession:
    """One look with the client that ships.

    Args:
        client: It is open.
    """

    def __init__(self, client: UpdateClient) -> None:
        self._client = client

    def look(self, release: Release | None = None) -> None:
        """See what is new, and what is said of a release."""
        self._client.refresh()
        if release is not None:
            self._client.find(release.family, release.version)

    def fetch(self, release: Release, held: Path | None = None) -> None:
        """Bring its file, by a delta where that can be."""
        self._client.fetch(self._client.find(release.family, release.version), held)


def list_entries(count: int) -> list[TargetFile]:
    """So many bundles, one family after the other, as publishing lists them."""
    entries = []
    for number in range(count):
        data = str(number).encode()
        version = f"{number}-{hashlib.sha256(data).hexdigest()[:12]}"
        entries.append(_entry(bundle_target(FAMILIES[number % len(FAMILIES)], version), data, number))
    return entries


def _entry(path: str, data: bytes, number: int) -> TargetFile:
    entry = TargetFile.from_data(path, data, ["sha256"])
    lineage = {name: str(value) for name, value in lineage_of(number).items()}
    released = (RELEASED + timedelta(seconds=number)).isoformat()
    facts = {"kind": "bundle", "bundle_format": FORMAT, "released": released, "lineage": lineage}
    entry.unrecognized_fields["custom"] = {FACTS: facts}
    return entry


@cache
def _bundle_of(family: str) -> Bundle:
    """The pump's, under the family's name."""
    pump = load_bundle("pump")
    profile = replace(pump.profile, name=family)
    return replace(pump, profile=profile, manifest=replace(pump.manifest, profile_name=family))


def make_release(family: str, number: int) -> Release:
    """A version of a family's bundle: from each to the next, half of the weights move by one step."""
    bundle = _bundle_of(family)
    changed = replace(
        bundle,
        model=_model(number),
        manifest=replace(bundle.manifest, lineage={**bundle.manifest.lineage, **lineage_of(number)}),
    )
    data = format_bundle(changed)
    version = f"{number}-{hashlib.sha256(data).hexdigest()[:12]}"
    return Release(family, version, data, _papers(changed, number))


def lineage_of(number: int) -> dict[str, str | int]:
    """What a version was made of, as the pipeline records it."""
    return {
        "snapshot": f"machine-{20_260_101 + number}",
        "span": str(number),
        "code_version": "4a1b2c3",
        "model_artifact": 17 + number,
    }


@cache
def _model(number: int) -> bytes:
    """The shipped one, so many steps further."""
    if number < 1:
        return _bundle_of(FAMILIES[0]).model
    model, chance = _model(number - 1), random.Random(number)
    moved = bytearray(model)
    for convolution in read_convolutions(model):
        kernel = convolution.kernel.tobytes()
        start = model.index(kernel)
        for place in range(start, start + len(kernel)):
            if chance.random() < CHANGED_SHARE:
                step = 1 if chance.random() < 1 / 2 else -1
                value = int.from_bytes(moved[place : place + 1], signed=True)
                moved[place] = max(-127, min(127, value + step)) % 256
    return bytes(moved)


def _papers(bundle: Bundle, number: int) -> Papers:
    """What the pipeline records of a model that passed every gate."""
    replayed = {
        "kind": "edge",
        "golden_windows": len(bundle.golden_input),
        "runtimes": ["ai-edge-litert"],
        "largest_difference": 0,
        "model_sha256": hashlib.sha256(bundle.model).hexdigest(),
        "operations": 15,
        "mapped_operations": 15,
        "float_error": 0.28,
        "int8_error": 0.28,
    }
    blessing = {"results": [{"model": "candidate"}], "refused_because": [], "replay": replayed}
    return Papers("# card", True, blessing, lineage_of(number))
