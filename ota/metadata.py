"""Signed metadata: made, signed and held against those who delegated.

Rule: the one gate to TUF's own values; whatever it raises becomes ours here. Nothing is read or written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from typing import Any, TypeVar

from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Key, Signature
from tuf.api.exceptions import RepositoryError as TufError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from ota.errors import RepositoryError
from ota.keys import KeyRing, sign

Delegator = Root | Targets
S = TypeVar("S", Root, Snapshot, Targets, Timestamp)


def parse_metadata(data: bytes, kind: type[S], where: str) -> Metadata[S]:
    """Read metadata of one kind.

    Raises:
        RepositoryError: it is none, or of another kind.
    """
    metadata = parse_any(data, where)
    if not isinstance(metadata.signed, kind):
        raise RepositoryError(f"{where} is of role {metadata.signed.type}, not {kind.type}")
    return metadata


def parse_any(data: bytes, where: str) -> Metadata[Any]:
    """Read metadata.

    Raises:
        RepositoryError: it is none.
    """
    try:
        metadata: Metadata[Any] = Metadata.from_bytes(data)
    except (DeserializationError, TufError) as error:
        raise RepositoryError(f"{where} is damaged: {error}") from error
    return metadata


def format_metadata(metadata: Metadata[Any]) -> bytes:
    """Metadata as the bytes that devices fetch."""
    return metadata.to_bytes()


def reissue(metadata: Metadata[S], version: int, expires: datetime) -> Metadata[S]:
    """The same content under another version and a later end, not signed yet."""
    signed = deepcopy(metadata.signed)
    signed.version, signed.expires = version, expires
    return Metadata(signed)


def keys_of(role: str, delegator: Delegator) -> Mapping[str, Key]:
    """The keys that may sign a role, by id; none where it is not delegated."""
    try:
        return {each: delegator.get_key(each) for each in delegator.get_delegated_role(role).keyids}
    except ValueError:
        return {}


def threshold_of(role: str, delegator: Delegator) -> int:
    """How many keys must sign a role."""
    return delegator.get_delegated_role(role).threshold


def valid_signatures(
    metadata: Metadata[Any], role: str, delegators: Sequence[Delegator]
) -> dict[str, Signature]:
    """Those signatures that a key made which one of the delegators names."""
    found = {}
    for delegator in delegators:
        for key_id, key in keys_of(role, delegator).items():
            try:
                if key_id in metadata.signatures:
                    key.verify_signature(metadata.signatures[key_id], metadata.signed_bytes)
                    found[key_id] = metadata.signatures[key_id]
            except UnverifiedSignatureError:
                continue
    return found


def add_signatures(
    metadata: Metadata[Any], role: str, delegators: Sequence[Delegator], ring: KeyRing
) -> None:
    """Sign with every key at hand that one of the delegators names; what is no signature of theirs goes.

    Raises:
        KeyUriError: a key does not sign.
    """
    metadata.signatures = valid_signatures(metadata, role, delegators)
    named = {key_id for delegator in delegators for key_id in keys_of(role, delegator)}
    for signer in ring.of(named - metadata.signatures.keys()):
        signature = sign(signer, metadata.signed_bytes)
        metadata.signatures[signature.keyid] = signature


def is_signed(metadata: Metadata[Any] | None, role: str, delegator: Delegator | None) -> bool:
    """Whether as many keys signed it as the delegator asks for."""
    if metadata is None or delegator is None:
        return False
    try:
        delegator.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    except (TufError, ValueError):
        return False
    return True


def describe_missing(metadata: Metadata[Any], role: str, delegator: Delegator) -> str:
    """Who has yet to sign; empty: nobody."""
    try:
        found = delegator.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
    except ValueError:
        return f"{role} is not delegated yet"
    if found:
        return ""
    names = ", ".join(sorted(key_id[:8] for key_id in found.unsigned))
    return f"{role} {metadata.signed.version} needs {found.missing} more of the keys {names}"
