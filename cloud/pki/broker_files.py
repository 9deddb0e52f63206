"""What Mosquitto reads: its configuration, access rules, certificates and revocations.

Rule: written from the registry and `contract.topics`, never by hand, so that the broker cannot know other
topics than the code. Mosquitto takes up rules, revocations and its own certificate on SIGHUP; listeners only
when it starts.

A certificate's name is the device's. Two listeners: on that of the devices the name is also the MQTT client
id, so that no device ends another's session; services, which need client ids of their own, have theirs, which
devices must not reach.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from cloud.certificates import SERVICES, IssuedCertificate, Purpose
from cloud.pki.authority import LIVES, Authority, Subject
from cloud.pki.keys import format_key, make_key
from contract.archive import write_atomically
from contract.codec import MAX_MESSAGE_BYTES
from contract.durable import make_folder
from contract.errors import ConfigError
from contract.identity import PAIR_FILE, PRIVATE, TRUST_FILE
from contract.topics import OWN_DOWN, OWN_UP, topics_of

CONFIG_FILE, RULES_FILE, REVOKED_FILE = "mosquitto.conf", "acl", "revoked.pem"
_WRITTEN = "# Written by `industrialguard cloud broker-files`, which writes it again: change nothing here.\n"
_MAX_PACKET_BYTES = MAX_MESSAGE_BYTES + 1024
"""A message with its topic and properties."""
_MAX_QUEUED, _MAX_QUEUED_BYTES = 100_000, 256 * 2**20
"""What waits for one client, at most: of what is dropped beyond, devices have a copy and send it again."""
_RENEW_SHARE = 2 / 3


@dataclass(frozen=True, slots=True)
class Listeners:
    """Where the broker listens."""

    hosts: tuple[str, ...]
    """Names and addresses by which clients find it."""
    devices: tuple[str, int] = ("", 8883)
    """Address and port; an empty address is all of them."""
    services: tuple[str, int] = ("127.0.0.1", 8884)


def write_broker_files(
    folder: Path,
    authority: Authority,
    listeners: Listeners,
    known: Sequence[IssuedCertificate],
    now: datetime,
) -> IssuedCertificate | None:
    """Write, or renew, all that the broker reads.

    Args:
        folder: Made when absent; only its owner may open it, who should be the broker's user.
        authority: Signs revocations and the broker's own certificate.
        listeners: Where it listens.
        known: Every certificate of the registry.
        now: The time.

    Returns:
        The broker's new certificate; None: the one it has is young enough.

    Raises:
        ConfigError: the folder cannot be written.
    """
    try:
        make_private_folder(folder)
        write_atomically(folder / TRUST_FILE, authority.root.encode())
        server = _renew_server(folder / PAIR_FILE, authority, listeners.hosts, now)
        write_rules(folder, authority, known, now)
        write_atomically(folder / CONFIG_FILE, format_config(folder.resolve(), listeners).encode())
        give_to_owner(folder)
    except OSError as error:
        raise ConfigError(f"the broker's files cannot be written: {error}") from error
    return server


def write_rules(
    folder: Path, authority: Authority, known: Sequence[IssuedCertificate], now: datetime
) -> None:
    """Write access rules and revocations.

    Raises:
        OSError: they cannot be written.
    """
    revoked = [each for each in known if each.revoked_at is not None and now < each.not_after]
    list_path = folder / REVOKED_FILE
    before = list_path.read_bytes() if list_path.exists() else b""
    write_atomically(list_path, authority.sign_revocations(revoked, before, now))
    write_atomically(folder / RULES_FILE, format_rules(revoked_names(known, now)).encode())


def revoked_names(known: Iterable[IssuedCertificate], now: datetime) -> list[str]:
    """Devices that were revoked and have no certificate in force."""
    devices = [each for each in known if each.purpose is Purpose.DEVICE]
    in_force = {each.name for each in devices if each.is_in_force(now)}
    return sorted({each.name for each in devices if each.revoked_at is not None} - in_force)


def format_rules(revoked: Sequence[str]) -> str:
    """The access rules: what is not allowed is refused.

    Args:
        revoked: Devices that may do nothing, not even on a connection that is open still.
    """
    lines = [_WRITTEN, "# Every device", f"pattern write {OWN_UP}", f"pattern read {OWN_DOWN}"]
    for name, rights in SERVICES.items():
        lines += ["", f"user {name}"]
        lines += [f"topic read {topic}" for topic in rights.reads]
        lines += [f"topic write {topic}" for topic in rights.writes]
    for name in revoked:
        lines += ["", f"user {name}", f"topic deny {topics_of(name)}"]
    return "\n".join(lines) + "\n"


def format_config(folder: Path, listeners: Listeners) -> str:
    """Mosquitto's configuration; may also be included by another one."""
    lines = [_WRITTEN, "allow_anonymous false", f"acl_file {folder / RULES_FILE}"]
    lines += [f"message_size_limit {_MAX_PACKET_BYTES}"]
    lines += [f"max_queued_messages {_MAX_QUEUED}", f"max_queued_bytes {_MAX_QUEUED_BYTES}", "", "# Devices"]
    lines += [*_listener(folder, *listeners.devices), "use_username_as_clientid true", "", "# The cloud"]
    lines += _listener(folder, *listeners.services)
    return "\n".join(lines) + "\n"


def make_private_folder(folder: Path) -> None:
    """Make a folder that only its owner may open.

    Raises:
        OSError: it cannot be made.
    """
    make_folder(folder)
    folder.chmod(0o700)


def give_to_owner(folder: Path) -> None:
    """What root wrote belongs to whom the folder belongs to, so that the broker, or a service, can read it.

    Raises:
        OSError: it cannot be given.
    """
    if os.geteuid() == 0:
        owner = folder.stat()
        for file in folder.iterdir():
            os.chown(file, owner.st_uid, owner.st_gid)


def _listener(folder: Path, host: str, port: int) -> list[str]:
    return [
        f"listener {port} {host}".rstrip(),
        f"cafile {folder / TRUST_FILE}",
        f"certfile {folder / PAIR_FILE}",
        f"keyfile {folder / PAIR_FILE}",
        f"crlfile {folder / REVOKED_FILE}",
        "require_certificate true",
        "use_identity_as_username true",
    ]


def _renew_server(
    pair: Path, authority: Authority, hosts: tuple[str, ...], now: datetime
) -> IssuedCertificate | None:
    """Give the broker a certificate, unless it has one of these names that is young enough."""
    subject = Subject("mqtt.broker", Purpose.SERVER, hosts)
    if pair.exists() and _is_young(pair, authority.chain, hosts, now):
        return None
    key = make_key()
    issued = authority.issue(subject, key.public_key(), now)
    write_atomically(pair, format_key(key) + (issued.pem + authority.chain).encode(), PRIVATE)
    return issued


def _is_young(pair: Path, chain: str, hosts: tuple[str, ...], now: datetime) -> bool:
    data = pair.read_bytes()
    leaf = x509.load_pem_x509_certificates(data)[0]
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    has = {*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))}
    age = now - leaf.not_valid_before_utc
    return has == set(hosts) and data.endswith(chain.encode()) and age < _RENEW_SHARE * LIVES[Purpose.SERVER]
