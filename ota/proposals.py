"""Proposed metadata on its way from one key holder to the next.

Rule: a proposal is TUF metadata without all of its signatures, in one file that can be carried. Whoever signs
sees what it says first; what its signatures are worth is decided when it comes back.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tuf.api.metadata import Metadata, Root, Targets

from contract.archive import write_atomically
from ota.draft import Draft
from ota.errors import RepositoryError
from ota.keys import KeyRing, sign
from ota.metadata import format_metadata, parse_any, valid_signatures


def read_proposal(path: Path) -> Metadata[Any]:
    """A proposal from its file.

    Raises:
        RepositoryError: it is none.
    """
    try:
        return parse_any(path.read_bytes(), str(path))
    except OSError as error:
        raise RepositoryError(f"{path} cannot be read: {error.strerror}") from error


def sign_proposal(path: Path, ring: KeyRing) -> Metadata[Any]:
    """Add the signatures of all keys at hand to a proposal's file.

    Raises:
        RepositoryError: it is none, or cannot be written.
        KeyUriError: a key does not sign.
    """
    proposal = read_proposal(path)
    for signer in ring.signers:
        signature = sign(signer, proposal.signed_bytes)
        proposal.signatures[signature.keyid] = signature
    try:
        write_atomically(path, format_metadata(proposal))
    except OSError as error:
        raise RepositoryError(f"{path} cannot be written: {error.strerror}") from error
    return proposal


def merge_proposal(draft: Draft, signed: Metadata[Any]) -> None:
    """Take over the signatures of a copy that comes back; what it says is the repository's to say.

    Raises:
        RepositoryError: nothing of the kind is proposed now.
    """
    for role, proposal in draft.proposed.items():
        if proposal.signed_bytes == signed.signed_bytes:
            proposal.signatures |= valid_signatures(signed, role, draft.delegators(role))
            return
    raise RepositoryError(
        f"{signed.signed.type} {signed.signed.version} is not what is proposed now; sign a copy of the file "
        "in the repository's proposed/"
    )


def describe(metadata: Metadata[Any]) -> Iterator[str]:
    """What a key holder should read before signing, line by line."""
    signed = metadata.signed
    yield f"{signed.type} {signed.version}, until {signed.expires:%Y-%m-%d}"
    if isinstance(signed, Root):
        for name, role in sorted(signed.roles.items()):
            yield f"  {name}: {role.threshold} of {', '.join(each[:8] for each in role.keyids)}"
    if isinstance(signed, Targets):
        for name, delegated in ((signed.delegations and signed.delegations.roles) or {}).items():
            shown = ", ".join(each[:8] for each in delegated.keyids)
            yield f"  {name} ({', '.join(delegated.paths or ())}): {delegated.threshold} of {shown}"
        for path, target in sorted(signed.targets.items()):
            yield f"  {path}: {target.length} bytes, SHA-256 {target.hashes['sha256'][:16]}"
    yield f"  signed by {', '.join(each[:8] for each in metadata.signatures) or 'nobody yet'}"
