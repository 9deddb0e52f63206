"""Entry points of who may speak at the broker: `industrialguard cloud COMMAND`.

Rule: each command says in one line what it did and what comes next. Passphrases come from the environment.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from cloud.certificates import SERVICES, IssuedCertificate, KnownToken, Purpose
from cloud.errors import NotFoundError
from cloud.pki.authority import (
    PASSPHRASE,
    ROOT_PASSPHRASE,
    Authority,
    Passphrases,
    Subject,
    make_authority,
    open_authority,
)
from cloud.pki.broker_files import Listeners, give_to_owner, make_private_folder, write_broker_files
from cloud.pki.keys import format_key, make_key
from cloud.pki.revocation import BrokerSide, tell_broker
from cloud.places import add_metrics, add_places, read_metrics, read_places
from cloud.processes import run_until_told
from cloud.settings import CloudSettings, MqttSettings, parse_http_address
from cloud.store import certificates as registry
from cloud.store.database import Database, open_database
from contract.archive import write_atomically
from contract.broker_address import parse_broker_url
from contract.enrolment import ClaimToken, fingerprint
from contract.errors import ConfigError, IndustrialGuardError
from contract.identity import PAIR_FILE, PRIVATE, TRUST_FILE, IdentityFolder
from contract.logs import configure_logging

MAX_HOURS = 30 * 24.0
EXAMPLES = f"""\
examples, in the order of a first set-up:
  industrialguard cloud make-ca --root ./root           then take ./root away and lock it up
  industrialguard cloud broker-files --out /etc/mosquitto/industrialguard --host broker.plant
  industrialguard cloud service-identity cloud.all --out /etc/industrialguard/all
  industrialguard cloud enrol --host enrol.plant --http 0.0.0.0:8443
  industrialguard cloud claim-token press-07            for `industrialguard provision` on the device
  industrialguard cloud revoke press-07 --why stolen --out /etc/mosquitto/industrialguard \
      --reload "systemctl reload mosquitto" --mqtt mqtts://localhost:8884 --identity /etc/industrialguard/sink

{PASSPHRASE} and {ROOT_PASSPHRASE} hold the passphrases of both keys; without them, the keys' file mode
is all that protects them. INDUSTRIALGUARD_BROKER_FILES and INDUSTRIALGUARD_BROKER_RELOAD stand for --out and
--reload of `revoke`, INDUSTRIALGUARD_MQTT and INDUSTRIALGUARD_IDENTITY for the others.
"""


def main(argv: Sequence[str]) -> int:
    """Run one command.

    Returns:
        The exit code: 0 when it did its job or was told to stop, the error's own otherwise.
    """
    arguments = build_parser().parse_args(argv)
    try:
        configure_logging(os.environ.get("INDUSTRIALGUARD_LOG_LEVEL", "INFO"))
        for chatty in ("alembic", "uvicorn"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
        run: Callable[[argparse.Namespace], None] = arguments.run
        run(arguments)
    except IndustrialGuardError as error:
        print(f"industrialguard cloud: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_code
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="industrialguard cloud",
        description="Who may speak at the broker.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], None], summary: str) -> argparse.ArgumentParser:
        command = commands.add_parser(
            name, help=summary, description=summary, epilog=EXAMPLES, formatter_class=parser.formatter_class
        )
        command.set_defaults(run=run)
        command.add_argument("--ca", type=Path, metavar="DIR", help="issuing authority (default: DATA/ca)")
        add_places(command)
        return command

    make = add(
        "make-ca", _make_ca, "make the fleet's certificate authority, or renew its issuing certificate"
    )
    make.add_argument("--root", required=True, type=Path, metavar="DIR", help="used when there, else made")
    enrol = add("enrol", _enrol, "give devices their certificates (HTTPS)")
    _add_hosts(enrol, "by which devices find it")
    enrol.add_argument("--http", default="127.0.0.1:8443", metavar="HOST:PORT", help="(127.0.0.1:8443)")
    add_metrics(enrol)
    token = add("claim-token", _claim_token, "print a token with which a device gets its first certificate")
    token.add_argument("device", help="its id")
    token.add_argument("--hours", type=float, default=72.0, metavar="H", help="until it expires (72)")
    service = add("service-identity", _service_identity, "make the identity of a process of the cloud")
    service.add_argument("service", choices=list(SERVICES), metavar="NAME", help=", ".join(SERVICES))
    service.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="made when absent; written anew"
    )
    broker = add("broker-files", _broker_files, "write what Mosquitto reads, or renew it")
    broker.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="its folder, for its user only"
    )
    _add_hosts(broker, "by which clients find it")
    broker.add_argument("--port", type=int, default=8883, help="of the devices' listener (8883)")
    broker.add_argument(
        "--services",
        default="127.0.0.1:8884",
        metavar="HOST:PORT",
        help="the cloud's listener, which devices must not reach (127.0.0.1:8884)",
    )
    revoke = add("revoke", _revoke, "take a device's or a service's certificates and tokens back")
    revoke.add_argument("name", help="of the device or service")
    revoke.add_argument("--why", required=True, metavar="TEXT", help="kept beside it")
    revoke.add_argument("--out", type=Path, metavar="DIR", help="folder of `broker-files`, written again")
    revoke.add_argument("--reload", metavar="COMMAND", help='for instance "systemctl reload mosquitto"')
    revoke.add_argument(
        "--mqtt", metavar="URL", help="the broker's listener for services, where its session is ended"
    )
    revoke.add_argument("--identity", type=Path, metavar="DIR", help="of any service, for --mqtt")
    add("devices", _devices, "list who has a certificate, until when, and which tokens wait")
    return parser


def _add_hosts(command: argparse.ArgumentParser, what: str) -> None:
    command.add_argument(
        "--host", required=True, action="append", metavar="NAME", help=f"name or address {what}; repeatable"
    )


def _settings(arguments: argparse.Namespace) -> CloudSettings:
    return CloudSettings(**read_places(arguments, os.environ))


def _folder(arguments: argparse.Namespace) -> Path:
    return Path(arguments.ca or _settings(arguments).data_dir / "ca")


def _authority(arguments: argparse.Namespace) -> Authority:
    return open_authority(_folder(arguments), os.environ.get(PASSPHRASE, ""))


@contextmanager
def _store(arguments: argparse.Namespace) -> Iterator[Database]:
    database = open_database(_settings(arguments).prepare_store())
    try:
        yield database
    finally:
        database.close()


def _make_ca(arguments: argparse.Namespace) -> None:
    phrases = Passphrases(os.environ.get(PASSPHRASE, ""), os.environ.get(ROOT_PASSPHRASE, ""))
    folder = _folder(arguments)
    make_authority(arguments.root, folder, phrases, datetime.now(UTC))
    print(
        f"{folder} issues certificates now; take {arguments.root} away and lock it up. Next: "
        "`industrialguard cloud service-identity` and `industrialguard cloud broker-files`"
    )


def _enrol(arguments: argparse.Namespace) -> None:
    from cloud.pki.server import EnrolmentSettings, run_enrol  # loads the web framework

    enrolment = EnrolmentSettings(tuple(arguments.host), *parse_http_address(arguments.http))
    process = partial(run_enrol, enrolment, _authority(arguments))
    settings = replace(_settings(arguments), metrics=read_metrics(arguments, os.environ))
    asyncio.run(run_until_told("enrol", process, settings))


def _claim_token(arguments: argparse.Namespace) -> None:
    if not 0 < arguments.hours <= MAX_HOURS:
        raise ConfigError(f"--hours must lie between 0 and {MAX_HOURS:g}")
    token = ClaimToken(arguments.device, secrets.token_hex(16), fingerprint(_authority(arguments).root))
    now = datetime.now(UTC)
    expires_at = now + timedelta(hours=arguments.hours)
    with _store(arguments) as database, database.transaction() as session:
        registry.add_token(session, KnownToken(token.digest, token.device_id, now, expires_at))
    print(token)
    print(
        f"good for this device until {expires_at:%Y-%m-%d %H:%M} UTC; it is not shown again. There: "
        "`industrialguard provision --identity DIR --url https://DESK:8443 --token-file FILE`",
        file=sys.stderr,
    )


def _service_identity(arguments: argparse.Namespace) -> None:
    authority, key, now = _authority(arguments), make_key(), datetime.now(UTC)
    issued = authority.issue(Subject(arguments.service, Purpose.SERVICE), key.public_key(), now)
    with _store(arguments) as database, database.transaction() as session:
        registry.add_certificate(session, issued)
    pair = format_key(key) + (issued.pem + authority.chain).encode()
    try:
        make_private_folder(arguments.out)
        write_atomically(arguments.out / TRUST_FILE, authority.root.encode())
        write_atomically(arguments.out / PAIR_FILE, pair, PRIVATE)
        give_to_owner(arguments.out)
    except OSError as error:
        raise ConfigError(f"{arguments.out} cannot be written: {error.strerror}") from error
    print(
        f"{arguments.out} is {issued.name} until {issued.not_after:%Y-%m-%d}; start its process with "
        f"--mqtt mqtts://BROKER:8884 --identity {arguments.out}"
    )


def _broker_files(arguments: argparse.Namespace) -> None:
    host, port = parse_http_address(arguments.services)
    listeners = Listeners(tuple(arguments.host), ("", arguments.port), (host, port))
    now = datetime.now(UTC)
    with _store(arguments) as database:
        with database.session() as session:
            known = registry.list_certificates(session)
        server = write_broker_files(arguments.out, _authority(arguments), listeners, known, now)
        if server is not None:
            with database.transaction() as session:
                registry.add_certificate(session, server)
    print(f"{arguments.out} is written; reload the broker (SIGHUP), or start it with mosquitto.conf there")


def _revoke(arguments: argparse.Namespace) -> None:
    name, side, now = arguments.name, _broker_side(arguments), datetime.now(UTC)
    with _store(arguments) as database, database.transaction() as session:
        count = registry.revoke_certificates(session, name, arguments.why[:200], now)
        voided = registry.void_tokens(session, name, now)
        known = registry.list_certificates(session)
        was_known = any(each.name == name for each in known)
        if not was_known and not voided:
            raise NotFoundError(f"{name} has nothing to take back: no certificate, no token")
    print(f"{name}: {count} certificates and {voided} tokens are taken back", flush=True)
    if was_known:
        for line in tell_broker(side, name, lambda: _authority(arguments), known, now):
            print(line, flush=True)


def _broker_side(arguments: argparse.Namespace) -> BrokerSide:
    folder = arguments.out or os.environ.get("INDUSTRIALGUARD_BROKER_FILES")
    command = arguments.reload or os.environ.get("INDUSTRIALGUARD_BROKER_RELOAD") or ""
    mqtt = arguments.mqtt or os.environ.get("INDUSTRIALGUARD_MQTT")
    identity = arguments.identity or os.environ.get("INDUSTRIALGUARD_IDENTITY")
    who = IdentityFolder(Path(identity)) if identity else None
    if who is not None:
        who.require_whole()
    return BrokerSide(
        Path(folder) if folder else None,
        command,
        MqttSettings(parse_broker_url(mqtt), who) if mqtt else None,
    )


def _devices(arguments: argparse.Namespace) -> None:
    now = datetime.now(UTC)
    with _store(arguments) as database, database.session() as session:
        certificates, tokens = registry.list_certificates(session), registry.list_tokens(session)
    for each in certificates:
        print(f"{each.name:<24} {each.purpose:<8} {describe_certificate(each, now)}  {each.serial}")
    if not certificates and not tokens:
        print("nobody has a certificate yet; begin with `industrialguard cloud make-ca --help`")
    for token in tokens:
        if token.used_at is None and now < token.expires_at:
            print(f"{token.device_id:<24} token    until {token.expires_at:%Y-%m-%d %H:%M}")


def describe_certificate(certificate: IssuedCertificate, now: datetime) -> str:
    """Whether it is in force."""
    if certificate.revoked_at is not None:
        return f"revoked {certificate.revoked_at:%Y-%m-%d}: {certificate.why}"
    word = "until" if now < certificate.not_after else "ended"
    return f"{word} {certificate.not_after:%Y-%m-%d}"
