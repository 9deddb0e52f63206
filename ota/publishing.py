"""A bundle that passed its gates becomes a release that devices can fetch.

Rule: the same bytes again change nothing; a version's bytes never change. Only the newest versions stay
listed, so that what devices must read does not grow with what was ever published.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from tuf.api.metadata import TargetFile, Targets

from contract.bundle import FORMAT, parse_bundle
from contract.errors import BundleError
from ota.delta import make_delta
from ota.draft import Draft, family_roles
from ota.errors import GateError, RepositoryError
from ota.folder import RepositoryFolder
from ota.gates import require_gates
from ota.layout import bundle_target, delta_target, family_role, parse_target
from ota.releases import Release
from ota.repository import Outcome, Repository

FACTS = "industrialguard"
"""Key of our facts in a target's `custom`."""
DELTA_SHARE = 0.5
"""A delta at least this large, as a share of the bundle, is not worth a device's trouble."""

_log = logging.getLogger(__name__)


def publish(repository: Repository, release: Release) -> Outcome:
    """Publish a release.

    Raises:
        GateError: it did not pass every gate.
        RepositoryError: its family has no role, its version has other bytes already, or the repository is
            damaged or busy.
        KeyUriError: a key does not sign.
    """
    lineage = _check(release)
    return repository.change(list_release(release, lineage, repository.folder))


def list_release(
    release: Release, lineage: Mapping[str, str], folder: RepositoryFolder
) -> Callable[[Draft], None]:
    """The change that lists a release, with its files in place before."""
    role = family_role(release.family)
    path = bundle_target(release.family, release.version)

    def edit(draft: Draft) -> None:
        if role not in family_roles(draft.targets):
            raise RepositoryError(
                f"{release.family} has no role yet; give it one with `industrialguard ota delegate`"
            )
        listed = draft.family(role).targets
        bundle = TargetFile.from_data(path, release.bundle, ["sha256"])
        if path in listed:
            if listed[path].hashes != bundle.hashes:
                raise RepositoryError(f"{path} is published with other bytes; a version never changes")
            return
        bundle.unrecognized_fields["custom"] = {FACTS: _bundle_facts(listed, lineage, draft.now)}
        folder.write_target(path, release.bundle)
        deltas = _make_deltas(release, listed, folder, draft.policy.deltas_from)
        signed: Targets = draft.edit(role)
        signed.targets |= {path: bundle, **deltas}
        drop_old(signed, draft.policy.keep_versions)

    return edit


def bundles_of(listed: Mapping[str, TargetFile]) -> list[TargetFile]:
    """The bundles among targets, newest first."""
    bundles = [target for path, target in listed.items() if not parse_target(path).delta_from]
    return sorted(bundles, key=lambda target: str(facts_of(target)["released"]), reverse=True)


def facts_of(target: TargetFile) -> Mapping[str, Any]:
    """What is said of a target beside its length and hash."""
    facts: Mapping[str, Any] = target.custom[FACTS]
    return facts


def drop_old(signed: Targets, keep: int) -> None:
    """Take all but the newest versions off the list, with the deltas that lead to them."""
    kept = {parse_target(bundle.path).version for bundle in bundles_of(signed.targets)[:keep]}
    signed.targets = {
        path: target for path, target in signed.targets.items() if parse_target(path).version in kept
    }


def _check(release: Release) -> Mapping[str, str]:
    try:
        bundle = parse_bundle(release.bundle)
    except BundleError as error:
        raise GateError(f"not published: the bundle is not whole: {error}") from error
    if bundle.manifest.profile_name != release.family:
        raise GateError(
            f"not published: the bundle is for {bundle.manifest.profile_name}, not {release.family}"
        )
    return require_gates(release.papers, bundle)


def _bundle_facts(
    listed: Mapping[str, TargetFile], lineage: Mapping[str, str], now: datetime
) -> dict[str, Any]:
    """A release is always later than those before it, whatever the clock says."""
    released = now.replace(microsecond=0)
    for newest in bundles_of(listed)[:1]:
        before = datetime.fromisoformat(facts_of(newest)["released"])
        released = max(released, before + timedelta(seconds=1))
    return {
        "kind": "bundle",
        "bundle_format": FORMAT,
        "released": released.isoformat(),
        "lineage": dict(lineage),
    }


def _make_deltas(
    release: Release, listed: Mapping[str, TargetFile], folder: RepositoryFolder, count: int
) -> dict[str, TargetFile]:
    """Deltas from the versions just before, where they are worth it; their files are in place after."""
    deltas, digest = {}, hashlib.sha256(release.bundle).hexdigest()
    for old in bundles_of(listed)[:count]:
        start = old.hashes["sha256"]
        try:
            delta = make_delta(folder.read_target(old.path, start), release.bundle)
        except RepositoryError as error:
            _log.warning("no delta from %s: %s", old.path, error)
            continue
        if len(delta) >= DELTA_SHARE * len(release.bundle):
            continue
        path = delta_target(release.family, release.version, parse_target(old.path).version)
        facts = {"kind": "delta", "old_sha256": start, "new_sha256": digest}
        folder.write_target(path, delta)
        deltas[path] = TargetFile.from_data(path, delta, ["sha256"])
        deltas[path].unrecognized_fields["custom"] = {FACTS: facts}
    return deltas
