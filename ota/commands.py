"""What each command of `industrialguard ota` does.

Rule: from arguments to one call and a few printed lines; decisions stand elsewhere.
"""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from securesystemslib.signer import Key

from contract.archive import write_atomically
from contract.durable import make_folder
from contract.errors import ConfigError
from ota import rotation
from ota.draft import Draft
from ota.errors import KeyUriError, RepositoryError
from ota.expiry import ends_soon, list_roles
from ota.folder import RepositoryFolder
from ota.keys import (
    PASSPHRASE,
    PIN,
    PUBLIC_SUFFIX,
    format_public,
    make_key,
    open_key,
    open_ring,
    read_public,
)
from ota.layout import family_role
from ota.proposals import describe, merge_proposal, read_proposal, sign_proposal
from ota.publishing import publish as publish_release
from ota.releases import from_files, from_registry
from ota.repository import Outcome, Repository
from ota.roles import DIRECTOR_ROLE, ONLINE, ROOT, ROOT_KEYS, TARGETS, TOP_ROLES, read_policy

__all__ = ["PASSPHRASE", "PIN"]  # for the help text

KEYS = "INDUSTRIALGUARD_OTA_KEYS"
WAITING, ENDS_SOON = 3, 4
"""Exit codes: signatures are missing; a role ends soon."""
_MADE = {
    **{f"root-{number}": ROOT for number in range(1, ROOT_KEYS + 1)},
    **{role: role for role in (*TOP_ROLES[1:], DIRECTOR_ROLE)},
}
"""Files of `init --make-keys`, and the role of each."""


def init(arguments: argparse.Namespace) -> int:
    """Make a repository; one that was begun is finished."""
    path: Path = arguments.repository
    if RepositoryFolder(path).read_timestamp():
        raise RepositoryError(f"there is a repository in {path} already")
    uris = [*_uris(arguments)]
    if arguments.make_keys is not None:
        uris += _make_keys(arguments.make_keys)
        given = {role: tuple(_made(arguments.make_keys, role)) for role in (*TOP_ROLES, DIRECTOR_ROLE)}
    else:
        given = {role: _publics(getattr(arguments, role)) for role in (*TOP_ROLES, DIRECTOR_ROLE)}
    lacking = [role for role in TOP_ROLES if not given[role]]
    if lacking:
        raise ConfigError(f"init needs --make-keys DIR, or public keys: --{' --'.join(lacking)}")
    repository = Repository(path, open_ring(uris))

    def edit(draft: Draft) -> None:
        if not draft.in_force and not {ROOT, TARGETS} <= draft.proposed.keys():
            draft.proposed.clear()  # one without the other was left by whoever was killed between the two
            rotation.found(draft, repository.folder, given)
        draft.to_sign |= draft.proposed.keys()

    outcome = repository.change(edit)
    if outcome.written:
        print(f"{path} is a repository; devices start from {path}/metadata/1.root.json")
    if arguments.make_keys is not None:
        print(
            f"now take root-1, root-2, root-3 and targets out of {arguments.make_keys}, to different places"
        )
    return _tell(outcome)


def delegate(arguments: argparse.Namespace) -> int:
    """Give a family its role."""
    keys = _publics(arguments.add)
    outcome = _repository(arguments).change(
        lambda draft: rotation.delegate(draft, arguments.family, keys, arguments.threshold)
    )
    return _tell(outcome)


def publish(arguments: argparse.Namespace) -> int:
    """Publish a release."""
    if arguments.registry is not None:
        release = from_registry(arguments.registry, arguments.family, arguments.version)
    elif arguments.papers is None or not arguments.version:
        raise ConfigError("--bundle needs --papers FILE and --version V: what the registry said of it")
    else:
        release = from_files(arguments.family, arguments.version, arguments.bundle, arguments.papers)
    outcome = publish_release(_repository(arguments), release)
    if not outcome.waiting:
        print(f"{release.family} {release.version} is published, {len(release.bundle)} bytes")
    return _tell(outcome)


def refresh(arguments: argparse.Namespace) -> int:
    """Sign again what ends soon, or what was asked for."""
    asked = [role if role in TOP_ROLES else family_role(role) for role in arguments.role]

    def edit(draft: Draft) -> None:
        for role in asked:
            if role not in ONLINE:
                if role not in draft.in_force:
                    raise RepositoryError(f"there is no role {role} to sign again")
                draft.edit(role)

    return _tell(_repository(arguments).change(edit, renew=[role for role in asked if role in ONLINE]))


def check_expiry(arguments: argparse.Namespace) -> int:
    """Say when each role ends."""
    now, policy = datetime.now(UTC), read_policy(arguments.repository)
    span = None if arguments.days is None else timedelta(days=arguments.days)
    soon = False
    for state in list_roles(arguments.repository):
        ends = ends_soon(state, policy, now, span)
        soon = soon or ends
        days = (state.expires - now) / timedelta(days=1)
        keys = ", ".join(key_id[:8] for key_id in state.key_ids)
        print(
            f"{state.role:<24} {state.version:>6}  until {state.expires:%Y-%m-%d %H:%M}"
            f"{f'  {days:.1f} days left!' if ends else ''}  ({state.threshold} of {keys})"
        )
    return ENDS_SOON if soon else 0


def rotate(arguments: argparse.Namespace) -> int:
    """Change a role's keys."""
    repository = _repository(arguments)
    change = rotation.KeyChange(_publics(arguments.add), tuple(arguments.revoke), arguments.threshold)
    if change == rotation.KeyChange():
        raise ConfigError("nothing to change: give --add, --revoke or --threshold")
    return _tell(
        repository.change(
            lambda draft: rotation.change_keys(draft, repository.folder, arguments.role, change)
        )
    )


def sign(arguments: argparse.Namespace) -> int:
    """Sign a copy of a proposal; without a key, only say what it says."""
    ring = open_ring(_uris(arguments))
    proposal = sign_proposal(arguments.file, ring) if ring.signers else read_proposal(arguments.file)
    print("\n".join(describe(proposal)))
    return 0


def accept(arguments: argparse.Namespace) -> int:
    """Take signed copies back."""
    copies = [read_proposal(path) for path in arguments.files]

    def edit(draft: Draft) -> None:
        for copy in copies:
            merge_proposal(draft, copy)
        draft.to_sign |= draft.proposed.keys()

    return _tell(_repository(arguments).change(edit))


def make(arguments: argparse.Namespace) -> int:
    """Make a key."""
    key = make_key(arguments.file, os.environ.get(PASSPHRASE, ""))
    print(
        f"{key.keyid[:8]} is made; hand on {arguments.file}{PUBLIC_SUFFIX}, and keep {arguments.file} apart"
    )
    return 0


def public(arguments: argparse.Namespace) -> int:
    """Write the public half of a key."""
    key = open_key(arguments.uri).public_key
    try:
        write_atomically(arguments.out, format_public(key))
    except OSError as error:
        raise KeyUriError(f"{arguments.out} cannot be written: {error.strerror}") from error
    print(f"{arguments.out} is the public half of {key.keyid[:8]}")
    return 0


def _repository(arguments: argparse.Namespace) -> Repository:
    return Repository(arguments.repository, open_ring(_uris(arguments)))


def _uris(arguments: argparse.Namespace) -> list[str]:
    return [*arguments.key, *os.environ.get(KEYS, "").split()]


def _publics(places: list[str]) -> tuple[Key, ...]:
    return tuple(read_public(place) for place in places)


def _make_keys(folder: Path) -> list[str]:
    """Make what is not there yet; what is there was made before, by a run that did not end."""
    try:
        make_folder(folder)
        folder.chmod(0o700)
    except OSError as error:
        raise KeyUriError(f"{folder} cannot be made: {error.strerror}") from error
    for name in _MADE:
        if not (folder / f"{name}.pem").exists():
            make_key(folder / f"{name}.pem", os.environ.get(PASSPHRASE, ""))
    return [f"file:{folder / name}.pem" for name in _MADE]


def _made(folder: Path, role: str) -> list[Key]:
    return [read_public(f"file:{folder / name}.pem") for name, whose in _MADE.items() if whose == role]


def _tell(outcome: Outcome) -> int:
    """Say what became of a change; returns the exit code."""
    for metadata in outcome.signed:
        if metadata.signed.type == ROOT or metadata.signed.delegations:
            print("\n".join(describe(metadata)))
    if outcome.written:
        print(f"new for devices: {', '.join(outcome.written)}")
    for reason in outcome.waiting:
        print(f"waiting: {reason}", file=sys.stderr)
    if outcome.waiting:
        print(
            "sign here with `industrialguard ota accept --key URI`; where other keys are, sign copies of"
            " what is in proposed/ with `industrialguard ota sign`, and give them to `accept`",
            file=sys.stderr,
        )
        return WAITING
    if not outcome.written:
        print("nothing to do")
    return 0
