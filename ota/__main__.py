"""Entry point: `industrialguard ota COMMAND`.

Rule: keys come as URIs, from `--key` and from INDUSTRIALGUARD_OTA_KEYS; each command says in a line what it
did, or who must sign before it is done.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from contract.errors import IndustrialGuardError
from contract.logs import configure_logging
from ota import commands
from ota.roles import DIRECTOR_ROLE, POLICY_FILE, ROOT_KEYS, TOP_ROLES

EXAMPLES = f"""\
examples, in the order of a first set-up:
  industrialguard ota init --repository repo --make-keys keys          then take root-1..3 and targets away
  industrialguard ota make-key keys/pump.pem
  industrialguard ota delegate pump --repository repo --add keys/pump.pem.pub --key file:keys/targets.pem \\
      --key file:keys/pump.pem --key file:keys/snapshot.pem --key file:keys/timestamp.pem
  industrialguard ota publish pump --repository repo --registry registry --key file:keys/pump.pem ...
  industrialguard ota refresh --repository repo --key file:keys/snapshot.pem --key file:keys/timestamp.pem
  industrialguard ota check-expiry --repository repo

when keys lie on several machines:
  industrialguard ota rotate root --repository repo --revoke 3f2a --add root-4.pub --key file:root-1.pem
  industrialguard ota sign root.json --key file:root-2.pem             a copy of repo/proposed/root.json
  industrialguard ota accept root.json --repository repo --key ...     publishes what is signed by enough

keys: file:PATH, env:NAME, hsm:ID?label=TOKEN, pkcs11:token=TOKEN;id=%02, awskms:, gcpkms:, azurekms:, hv:
  {commands.KEYS}          URIs separated by spaces, beside those of --key
  {commands.PASSPHRASE}    of key files; file:PATH?passphrase=NAME names another variable
  {commands.PIN}           of a token, whose library PYKCS11LIB names

REPOSITORY/{POLICY_FILE} may say keep_versions (5), deltas_from (3) and timestamp_days (7).
Ends with 0 when it is done, with {commands.WAITING} when signatures are missing, and `check-expiry` with
{commands.ENDS_SOON} when a role ends soon.
"""

Run = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    arguments = build_parser().parse_args(argv)
    try:
        configure_logging(os.environ.get("INDUSTRIALGUARD_LOG_LEVEL", "WARNING"))
        run: Run = arguments.run
        return run(arguments)
    except IndustrialGuardError as error:
        print(f"industrialguard ota: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_code


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="industrialguard ota",
        description="Sign and publish model releases (docs/releases.md).",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    added = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Run, summary: str) -> argparse.ArgumentParser:
        command = added.add_parser(
            name, help=summary, description=summary, epilog=EXAMPLES, formatter_class=parser.formatter_class
        )
        command.set_defaults(run=run)
        return command

    _add_set_up(add)
    _add_releases(add)
    _add_keys(add)
    return parser


Add = Callable[[str, Run, str], argparse.ArgumentParser]


def _add_set_up(add: Add) -> None:
    init = add("init", commands.init, "make a repository")
    _add_repository(init)
    init.add_argument(
        "--make-keys", type=Path, metavar="DIR", help="make every key in this folder, and sign with them"
    )
    for role in (*TOP_ROLES, DIRECTOR_ROLE):
        least = f", {ROOT_KEYS} or more" if role == "root" else ""
        init.add_argument(
            f"--{role}",
            action="append",
            default=[],
            metavar="KEY",
            help=f"public key of {role} (a .pub file, or a key's URI){least}",
        )
    delegate = add("delegate", commands.delegate, "give a machine family its own role and keys")
    delegate.add_argument("family", help="the machine type, as in the registry")
    _add_repository(delegate)
    delegate.add_argument(
        "--add", action="append", required=True, metavar="KEY", help="public key that signs its releases"
    )
    delegate.add_argument("--threshold", type=int, default=1, metavar="N", help="keys that must sign (1)")


def _add_releases(add: Add) -> None:
    publish = add("publish", commands.publish, "publish a model that passed every gate")
    publish.add_argument("family", help="the machine type")
    _add_repository(publish)
    source = publish.add_mutually_exclusive_group(required=True)
    source.add_argument("--registry", type=Path, metavar="DIR", help="take it from this registry")
    source.add_argument("--bundle", type=Path, metavar="FILE", help="take this file, with --papers")
    publish.add_argument("--papers", type=Path, metavar="FILE", help="the record.json beside the bundle")
    publish.add_argument(
        "--version", default="", metavar="V", help="which (default: the champion; with --bundle: required)"
    )
    refresh = add(
        "refresh", commands.refresh, "sign timestamp and snapshot again before they end (by a timer)"
    )
    _add_repository(refresh)
    refresh.add_argument(
        "--role", action="append", default=[], help="sign this role again now: root, targets, a family, ..."
    )
    check = add("check-expiry", commands.check_expiry, "say when each role ends")
    _add_repository(check, has_keys=False)
    check.add_argument("--days", type=float, metavar="N", help="warn so long before (default: by role)")


def _add_keys(add: Add) -> None:
    rotate = add("rotate", commands.rotate, "add and revoke keys of a role")
    rotate.add_argument("role", help=f"{', '.join((*TOP_ROLES, DIRECTOR_ROLE))} or a machine family")
    _add_repository(rotate)
    rotate.add_argument("--add", action="append", default=[], metavar="KEY", help="public key to add")
    rotate.add_argument(
        "--revoke", action="append", default=[], metavar="ID", help="key id, or its beginning"
    )
    rotate.add_argument("--threshold", type=int, metavar="N", help="keys that must sign (default: as before)")
    sign = add(
        "sign", commands.sign, "sign a copy of a proposal, wherever the key is; without --key, read it"
    )
    sign.add_argument("file", type=Path, help="from the repository's proposed/")
    _add_key(sign)
    accept = add("accept", commands.accept, "take signed copies back, and publish what has enough signatures")
    accept.add_argument("files", type=Path, nargs="*", metavar="FILE", help="signed copies")
    _add_repository(accept)
    make = add("make-key", commands.make, "make an Ed25519 key: FILE, and FILE.pub to hand on")
    make.add_argument("file", type=Path)
    public = add("public-key", commands.public, "write the public half of a key, to hand on")
    public.add_argument("uri", help="of the private key")
    public.add_argument("--out", required=True, type=Path, metavar="FILE")


def _add_repository(parser: argparse.ArgumentParser, *, has_keys: bool = True) -> None:
    parser.add_argument(
        "--repository", required=True, type=Path, metavar="DIR", help="folder of the repository"
    )
    if has_keys:
        _add_key(parser)


def _add_key(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="URI",
        help="a private key to sign with; may be repeated",
    )


if __name__ == "__main__":
    sys.exit(main())
