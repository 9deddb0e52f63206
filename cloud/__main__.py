"""Entry point: `industrialguard cloud COMMAND`.

Rule: settings are read here, once, from flags and environment, flags first. SIGTERM and SIGINT mean "finish
and leave".
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cloud.access.signing_key import parse_signing_key
from cloud.eam.settings import FILE_VARIABLE, EamSettings, read_settings
from cloud.keeping import Keeping
from cloud.places import add_metrics, add_places, read_metrics, read_places
from cloud.processes import Process, run_ingest, run_until_told
from cloud.settings import CloudSettings, MqttSettings, RepositorySettings, parse_http_address
from contract.broker_address import parse_broker_url
from contract.errors import ConfigError, IndustrialGuardError
from contract.identity import IdentityFolder
from contract.logs import configure_logging

INGEST, SINK, API, SERVE, ALL, RELEASES, EAM, REPLAY = COMMANDS = (
    *("ingest", "sink", "api", "serve", "all", "releases", "eam"),
    "replay-dead-letters",
)
PKI_COMMANDS = (
    "make-ca",
    "enrol",
    "claim-token",
    "service-identity",
    "broker-files",
    "revoke",
    "devices",
)
OWN_COMMANDS = {
    "assets": "cloud.asset_commands",
    "people": "cloud.people_command",
    "rollout": "cloud.rollout_command",
}
"""Those with commands of their own, and the modules that they are in."""
LIFE_COMMANDS = ("rul", "import-events", "snapshot", "models", "roll-back")

DESCRIPTION = """\
Receive, store and show what the devices send.

commands:
  ingest               broker to stream: validates, acknowledges MQTT once a message is durable
  sink                 stream to store and alerts; acknowledges to the devices
  api                  API and page over the store
  releases             rollouts to signed assignments for the devices
  eam                  work orders to the company's maintenance system, and back
  serve                sink and api (and releases, with a --director-key; eam, with an --eam file) in one
                       process, for one machine
  all                  ingest, sink and api (and releases, eam) in one process
  replay-dead-letters  validate the dead letters again; what passes now is stored

of releases, through the API, with its own --help:
  rollout              plan, start and watch rollouts of releases

of the plant, with its own --help:
  assets               import, list and map the machines that the devices watch

of who may sign in, with its own --help:
  people               add and list people, lock them out, make links and keys

of remaining useful life, each with its own --help:
  rul                  stream to forecasts, by the champions of the model registry
  import-events        take over a maintenance log (CSV)
  snapshot             write what is known of a machine type as training data
  models               list the models of a registry, and what was done to them
  roll-back            put the champion before this one in charge again

of who may speak at the broker, each with its own --help:
  make-ca              make the fleet's certificate authority
  enrol                give devices their certificates (HTTPS)
  claim-token          print what a device gets its first certificate with
  service-identity     make the identity of a process of the cloud
  broker-files         write what Mosquitto reads: configuration, access rules, certificates, revocations
  revoke               take a device's or a service's certificates back
  devices              list who has a certificate, and until when
"""
EPILOG = """\
examples:
  industrialguard cloud all --data ./data --mqtt mqtt://127.0.0.1:1883 --http 127.0.0.1:8080
  industrialguard cloud ingest --mqtt mqtts://broker.plant:8884 --identity ./ingest --metrics :9100
  industrialguard cloud serve --data /var/lib/industrialguard --http 127.0.0.1:8080
  industrialguard cloud sink --stream kafka://kafka:9092 --mqtt mqtts://broker.plant:8884 --identity ./sink
  industrialguard cloud api --http 127.0.0.1:8080
  industrialguard cloud api --repository https://updates.plant --repository-root 1.root.json
  industrialguard cloud releases --director-key file:director --mqtt mqtts://broker.plant:8884
  industrialguard cloud eam --eam /etc/industrialguard/eam.toml
  industrialguard cloud rollout plan pump 7-0a1b2c3d4e5f --canary 5% --then rest
  industrialguard cloud replay-dead-letters --data /var/lib/industrialguard

environment, for what has no flag on the command line:
  INDUSTRIALGUARD_CLOUD_DATA, INDUSTRIALGUARD_STREAM, INDUSTRIALGUARD_STORE, INDUSTRIALGUARD_MQTT,
  INDUSTRIALGUARD_IDENTITY, INDUSTRIALGUARD_HTTP, INDUSTRIALGUARD_HOSTS, INDUSTRIALGUARD_KEEP_SUMMARIES_DAYS,
  INDUSTRIALGUARD_KEEP_DEAD_LETTERS_DAYS, INDUSTRIALGUARD_LAKE, INDUSTRIALGUARD_METRICS,
  INDUSTRIALGUARD_LOG_LEVEL
  INDUSTRIALGUARD_MEMBER  which of several this process is, the same after a restart
  INDUSTRIALGUARD_SHARED  1: as --shared
  INDUSTRIALGUARD_DIRECTOR_KEYS  as --director-key, separated by spaces
  INDUSTRIALGUARD_REPOSITORY, INDUSTRIALGUARD_REPOSITORY_ROOT, INDUSTRIALGUARD_EAM
  INDUSTRIALGUARD_SIGNING_KEY  signs access tokens: 64 hexadecimal digits (default: a file in DIR)
  INDUSTRIALGUARD_BEHIND_TLS   1: a proxy in front speaks TLS, so cookies go over that alone
  OTEL_EXPORTER_OTLP_ENDPOINT  where traces go, with the other variables of OpenTelemetry (default: nowhere)
A password belongs into the environment (INDUSTRIALGUARD_MQTT=mqtts://USER:PASSWORD@HOST), where other users
do not see it.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command of the cloud.

    Returns:
        The exit code: 0 when it did its job or was told to stop, the error's own otherwise.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    if words[:1] and (run := _find_command(words[0])) is not None:
        return run(words)
    arguments = build_parser().parse_args(words)
    try:
        settings = build_settings(arguments, os.environ)
        configure_logging(arguments.log_level or os.environ.get("INDUSTRIALGUARD_LOG_LEVEL", "INFO"))
        for chatty in ("alembic", "uvicorn"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
        _run(arguments.command, settings)
    except IndustrialGuardError as error:
        print(f"industrialguard cloud: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_code
    return 0


def _find_command(word: str) -> Callable[[Sequence[str]], int] | None:
    """Another command line than this one; each loads what it needs, which ingest does without."""
    if word in LIFE_COMMANDS:
        from cloud import life_commands

        return life_commands.main
    if word in PKI_COMMANDS:
        from cloud.pki import commands

        return commands.main
    if word not in OWN_COMMANDS:
        return None
    own = importlib.import_module(OWN_COMMANDS[word])
    return lambda words: int(own.main(words[1:]))


def build_parser() -> argparse.ArgumentParser:
    """The command line; None stands for "not given", so that the environment can fill it."""
    parser = argparse.ArgumentParser(
        prog="industrialguard cloud",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="see above")
    add_places(parser)
    add_metrics(parser)
    parser.add_argument("--mqtt", metavar="URL", help="the broker (default: mqtt://127.0.0.1:1883)")
    parser.add_argument(
        "--identity", type=Path, metavar="DIR", help="key and certificate for mqtts, by `service-identity`"
    )
    _add_page(parser)
    parser.add_argument("--partitions", type=int, default=8, metavar="N", help="of a new stream (default: 8)")
    parser.add_argument(
        "--retention-h",
        type=float,
        default=24.0,
        metavar="H",
        help="hours the stream keeps what was consumed",
    )
    parser.add_argument(
        "--max-stream-mb", type=int, metavar="MB", help="size at which the stream takes no more"
    )
    parser.add_argument(
        "--shared",
        action="store_true",
        help="several ingest processes share what devices say (a broker with $share, for instance Mosquitto)",
    )
    _add_keeping(parser)
    parser.add_argument(
        "--director-key",
        action="append",
        metavar="URI",
        help="signs assignments; as for `industrialguard ota`, and again where several must sign",
    )
    parser.add_argument(
        "--repository", metavar="URL|DIR", help="of releases; looked up in when a rollout is planned"
    )
    parser.add_argument(
        "--repository-root",
        type=Path,
        metavar="FILE",
        help="its metadata/1.root.json, as devices are given it",
    )
    parser.add_argument(
        "--eam", type=Path, metavar="FILE", help="where the maintenance system is (docs/operations.md)"
    )
    parser.add_argument("--log-level", choices=["DEBUG", "INFO", "WARNING", "ERROR"], help="default: INFO")
    return parser


def _add_page(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--http", metavar="HOST:PORT", help="API and page (default: 127.0.0.1:8080; port 0: any)"
    )
    parser.add_argument(
        "--hosts",
        metavar="NAME[,NAME]",
        help="names of this server in browsers, besides its address and localhost",
    )
    parser.add_argument(
        "--value", type=Path, metavar="FILE", help="what `bench fleet --json` wrote, for the page /value"
    )


def _add_keeping(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--keep-summaries-days",
        metavar="N",
        help="days the store keeps summaries; charts go on from their roll-ups (default: all)",
    )
    parser.add_argument(
        "--keep-dead-letters-days",
        metavar="N",
        help="days the store keeps dead letters; then their number (default: all, 64 MiB of each device)",
    )
    parser.add_argument(
        "--lake",
        type=Path,
        metavar="DIR",
        help="write every day of summaries there as Parquet when it is over",
    )


def build_settings(arguments: argparse.Namespace, environment: Mapping[str, str]) -> CloudSettings:
    """Settings from flags, then environment, then defaults.

    Raises:
        ConfigError: one of them cannot be right.
    """
    defaults = CloudSettings(**read_places(arguments, environment))
    mqtt_url = arguments.mqtt or environment.get("INDUSTRIALGUARD_MQTT")
    identity = _find_identity(arguments.identity or environment.get("INDUSTRIALGUARD_IDENTITY"))
    if identity is not None and not mqtt_url:
        raise ConfigError("--identity needs --mqtt mqtts://HOST")
    http = arguments.http or environment.get("INDUSTRIALGUARD_HTTP")
    if arguments.max_stream_mb is not None and arguments.max_stream_mb < 1:
        raise ConfigError(f"--max-stream-mb starts at 1, not {arguments.max_stream_mb}")
    api = defaults.api
    if http:
        host, port = parse_http_address(http)
        api = replace(api, host=host, port=port)
    hosts = arguments.hosts or environment.get("INDUSTRIALGUARD_HOSTS") or ""
    names = tuple(name for each in hosts.split(",") if (name := each.strip()))
    return replace(
        defaults,
        mqtt=MqttSettings(parse_broker_url(mqtt_url), identity) if mqtt_url else defaults.mqtt,
        api=replace(
            api,
            allowed_hosts=(*api.allowed_hosts, *names),
            value_report=arguments.value,
            is_behind_tls=environment.get("INDUSTRIALGUARD_BEHIND_TLS") == "1",
        ),
        partitions=arguments.partitions,
        retention_s=arguments.retention_h * 3600.0,
        max_stream_bytes=arguments.max_stream_mb and arguments.max_stream_mb * 2**20,
        is_shared=arguments.shared or environment.get("INDUSTRIALGUARD_SHARED") == "1",
        keeping=_read_keeping(arguments, environment),
        director_keys=tuple(
            arguments.director_key or environment.get("INDUSTRIALGUARD_DIRECTOR_KEYS", "").split()
        ),
        repository=_read_repository(arguments, environment),
        eam=_read_eam(arguments, environment),
        metrics=read_metrics(arguments, environment),
        signing_key=_read_signing_key(environment),
    )


def _read_signing_key(environment: Mapping[str, str]) -> bytes | None:
    text = environment.get("INDUSTRIALGUARD_SIGNING_KEY")
    return parse_signing_key(text.strip(), "INDUSTRIALGUARD_SIGNING_KEY") if text else None


def _read_eam(arguments: argparse.Namespace, environment: Mapping[str, str]) -> EamSettings | None:
    file = arguments.eam or environment.get(FILE_VARIABLE)
    return read_settings(Path(file), environment) if file else None


def _read_repository(
    arguments: argparse.Namespace, environment: Mapping[str, str]
) -> RepositorySettings | None:
    address = arguments.repository or environment.get("INDUSTRIALGUARD_REPOSITORY")
    root = arguments.repository_root or environment.get("INDUSTRIALGUARD_REPOSITORY_ROOT")
    if bool(address) != bool(root):
        raise ConfigError("--repository and --repository-root go together: where it is, and whom to believe")
    return RepositorySettings(address, Path(root)) if address and root else None


def _read_keeping(arguments: argparse.Namespace, environment: Mapping[str, str]) -> Keeping:
    lake = arguments.lake or environment.get("INDUSTRIALGUARD_LAKE")
    return Keeping(
        _read_days(arguments, environment, "keep_summaries_days"),
        Path(lake) if lake else None,
        _read_days(arguments, environment, "keep_dead_letters_days"),
    )


def _read_days(arguments: argparse.Namespace, environment: Mapping[str, str], name: str) -> int | None:
    days = getattr(arguments, name) or environment.get(f"INDUSTRIALGUARD_{name.upper()}")
    if days and not days.isdecimal():
        raise ConfigError(f"--{name.replace('_', '-')} takes a number of days, not {days[:20]!r}")
    return int(days) if days else None


def _find_identity(folder: str | Path | None) -> IdentityFolder | None:
    if not folder:
        return None
    identity = IdentityFolder(Path(folder))
    identity.require_whole()
    return identity


def _run(command: str, settings: CloudSettings) -> None:
    if command == REPLAY:
        from cloud.serve import run_replay

        counts = asyncio.run(run_replay(settings))
        print(f"passed {counts.passed}, still dead {counts.still_dead}, incomplete {counts.incomplete}")
        if counts.dropped:
            print(f"{counts.dropped} earlier ones were too many or too old: only their number was kept")
    else:
        asyncio.run(run_until_told(command, _find_process(command), settings))


def _find_process(command: str) -> Process:
    """The process of a command; each loads what it needs, and ingest neither store nor web framework."""
    if command == INGEST:
        return run_ingest
    if command == SINK:
        from cloud.sink_process import run_sink

        return run_sink
    if command == API:
        from cloud.api_process import run_api

        return run_api
    if command == EAM:
        from cloud.eam_process import run_eam

        return run_eam
    if command == RELEASES:
        from cloud.releases_process import run_releases

        return run_releases
    from cloud import serve

    return serve.run_all if command == ALL else serve.run_serve


if __name__ == "__main__":
    sys.exit(main())
