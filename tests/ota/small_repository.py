"""A repository made with python-tuf's plain metadata API, so that a test can make any of it wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from ota.layout import DIRECTOR, bundle_target, delta_target, family_pattern, family_role

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TOP = ("root", "targets", "snapshot", "timestamp")
FAMILY = "pump"
ROLE = family_role(FAMILY)
LIVES = {"root": 700, "targets": 300, ROLE: 300, "snapshot": 30, "timestamp": 7}


def new_keys(n: int = 1) -> list[CryptoSigner]:
    return [CryptoSigner.generate_ed25519() for _ in range(n)]


@dataclass
class SmallRepository:
    """Keys, metadata and files; `publish` writes them into a dictionary that a server serves."""

    files: dict[str, bytes]
    now: datetime = NOW
    keys: dict[str, list[CryptoSigner]] = field(default_factory=dict)
    signed: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys = {"root": new_keys(3)} | {role: new_keys() for role in (*TOP[1:], ROLE)}
        root = Root(consistent_snapshot=True)
        for role in TOP:
            for key in self.keys[role]:
                root.add_key(key.public_key, role)
        root.roles["root"].threshold = 2
        delegated = DelegatedRole(ROLE, [], 1, True, [family_pattern(FAMILY)])
        targets = Targets(delegations=Delegations({}, {ROLE: delegated}))
        for key in self.keys[ROLE]:
            targets.add_key(key.public_key, ROLE)
        self.signed = {"root": root, "targets": targets, ROLE: Targets()}
        self.signed |= {"snapshot": Snapshot(), "timestamp": Timestamp()}
        for role in self.signed:
            self.signed[role].version = 0
        self.publish()

    @property
    def root(self) -> Root:
        return self.signed["root"]  # type: ignore[no-any-return]

    @property
    def first_root(self) -> bytes:
        """What devices are shipped with."""
        return self.files["/metadata/1.root.json"]

    def add_bundle(
        self, version: str, data: bytes, family: str = FAMILY, role: str = ROLE, **facts: Any
    ) -> str:
        return self.add_target(bundle_target(family, version), data, role, {"kind": "bundle", **facts})

    def add_delta(self, version: str, old: str, data: bytes, old_sha256: str, new_sha256: str) -> str:
        facts = {"kind": "delta", "old_sha256": old_sha256, "new_sha256": new_sha256}
        return self.add_target(delta_target(FAMILY, version, old), data, ROLE, facts)

    def add_director(self, data: bytes) -> None:
        self.add_target(DIRECTOR, data, "targets", {})

    def add_target(self, path: str, data: bytes, role: str, facts: dict[str, Any]) -> str:
        """List a target and put its file there; where it is served."""
        target = TargetFile.from_data(path, data, ["sha256"])
        target.unrecognized_fields["custom"] = {"industrialguard": facts}
        self.signed[role].targets[path] = target
        folder, _, name = path.rpartition("/")
        digest = target.hashes["sha256"]
        url = f"/targets/{folder}/{digest}.{name}" if folder else f"/targets/{digest}.{name}"
        self.files[url] = data
        return url

    def publish(self, *roles: str) -> None:
        """Sign these roles anew, and what must follow; with none, all."""
        chosen = roles or tuple(self.signed)
        order = [role for role in ("root", "targets", ROLE, "snapshot", "timestamp") if role in chosen]
        for role in order:
            self.sign(role)

    def sign(self, role: str, signers: Iterable[CryptoSigner] = (), expires: datetime | None = None) -> bytes:
        """The next version of a role, put where it is served."""
        signed = self.signed[role]
        signed.version += 1
        signed.expires = expires or self.now + timedelta(days=LIVES[role])
        if role == "snapshot":
            signed.meta = {f"{each}.json": MetaFile(self.signed[each].version) for each in ("targets", ROLE)}
        if role == "timestamp":
            signed.snapshot_meta = MetaFile(self.signed["snapshot"].version)
        metadata = Metadata(signed)
        for signer in signers or self.keys[role]:
            metadata.sign(signer, append=True)
        data: bytes = metadata.to_bytes()
        name = "timestamp.json" if role == "timestamp" else f"{signed.version}.{role}.json"
        self.files[f"/metadata/{name}"] = data
        return data

    def replace_key(self, role: str) -> CryptoSigner:
        """Give a top role a new key; root must be signed after. Returns the old one."""
        (old,) = self.keys[role]
        self.root.revoke_key(old.public_key.keyid, role)
        self.keys[role] = new_keys()
        self.root.add_key(self.keys[role][0].public_key, role)
        return old
