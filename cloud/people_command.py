"""Entry point of who may sign in: `industrialguard cloud people COMMAND`.

Rule: it works on the store itself, so whoever can read its files or has its password can always get in again.
A password is typed or comes from standard input, never from the command line; what is secret is printed once,
on standard output.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta

from cloud.access.people_desk import PeopleDesk
from cloud.people import Role
from cloud.places import add_places, read_places
from cloud.settings import CloudSettings
from cloud.store.api_keys import list_keys, revoke_key
from cloud.store.database import Database, open_database
from cloud.store.people import Person, list_people
from contract.errors import ConfigError, IndustrialGuardError
from contract.logs import configure_logging

DEFAULT_ADDRESS = "http://127.0.0.1:8080"
EXAMPLES = """\
examples:
  industrialguard cloud people add 'Aylin Kaya' --role admin          asks for a password
  industrialguard cloud people add 'Jo Brandt' --role technician --sites north,south --invite
  industrialguard cloud people list
  industrialguard cloud people change 'Jo Brandt' --role engineer --sites all
  industrialguard cloud people disable 'Jo Brandt'                    signed out everywhere, at once
  industrialguard cloud people invite 'Jo Brandt'                     a link to choose a password again
  industrialguard cloud people enter 'Aylin Kaya'                     a link that signs in once, within 15 min
  industrialguard cloud people key mes --role engineer --days 365 > mes.key
  industrialguard cloud people keys
  industrialguard cloud people revoke-key 0a1b2c3d4e5f60718293a4b5
  printf %s "$PASSWORD" | industrialguard cloud people password 'Aylin Kaya'

roles: viewer reads; technician works on cases; engineer orders, plans and rolls out; admin lets people in.
"""
Run = Callable[[Database, PeopleDesk, argparse.Namespace], None]


def main(argv: Sequence[str]) -> int:
    """Run one command; returns its exit code."""
    arguments = build_parser().parse_args(argv)
    try:
        configure_logging(os.environ.get("INDUSTRIALGUARD_LOG_LEVEL", "WARNING"))
        run: Run = arguments.run
        settings = CloudSettings(**read_places(arguments, os.environ))
        with closing(open_database(settings.prepare_store())) as database:
            run(database, PeopleDesk(database, _utc_now), arguments)
    except IndustrialGuardError as error:
        print(f"industrialguard cloud people: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_code
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="industrialguard cloud people",
        description="Say who may sign in, and what they may do.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    added = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Run, summary: str, names: str = "name") -> argparse.ArgumentParser:
        command = added.add_parser(
            name, help=summary, description=summary, epilog=EXAMPLES, formatter_class=parser.formatter_class
        )
        command.set_defaults(run=run)
        if names:
            command.add_argument(names, metavar=names.upper())
        add_places(command)
        return command

    adding = add("add", _add, "let somebody in")
    _add_rights(adding, "viewer")
    adding.add_argument("--invite", action="store_true", help="print a link instead of asking for a password")
    _add_address(adding)
    add("list", _list, "everybody", names="")
    _add_rights(add("change", _change, "another role, other sites"), None)
    add("disable", _disable, "lock somebody out")
    add("enable", _enable, "let somebody in again")
    add("password", _password, "set a password, and sign out what is signed in with the old one")
    _add_address(add("invite", _invite, "a link with which somebody chooses a password"))
    _add_address(add("enter", _enter, "a link that signs somebody in once, without a password"))
    key = add("key", _key, "make a program's key")
    _add_rights(key, "viewer")
    key.add_argument("--days", type=int, metavar="N", help="it counts so long (default: until revoked)")
    add("keys", _keys, "all keys", names="")
    add("revoke-key", _revoke_key, "let a key count no more", names="id")
    return parser


def _add_rights(parser: argparse.ArgumentParser, role: str | None) -> None:
    parser.add_argument("--role", choices=list(Role), type=Role, default=role and Role(role))
    parser.add_argument("--sites", metavar="SITE[,SITE]", help="only of these (default: all)")


def _add_address(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--address", default=DEFAULT_ADDRESS, metavar="URL", help="of the page, for the link (%(default)s)"
    )


def _add(database: Database, people: PeopleDesk, arguments: argparse.Namespace) -> None:
    password = None if arguments.invite else _read_password()
    person = people.add(arguments.name, arguments.role, _sites(arguments))
    if password is None:
        print(f"{arguments.address}/password?token={people.invite(person.id)}")
        return
    people.set_password(person.id, password)
    print(f"{person.name} may sign in as {person.role}.")


def _list(database: Database, people: PeopleDesk, arguments: argparse.Namespace) -> None:
    with database.session() as session:
        found = list_people(session)
    for each in found:
        print(f"{each.name:<30} {each.role:<11} {_sites_words(each.sites):<20} {_state(each)}")


def _change(database: Database, people: PeopleDesk, arguments: argparse.Namespace) -> None:
    person = people.find(arguments.name)
    sites = _sites(arguments) if arguments.sites is not None else person.sites
    after = people.change(person.id, arguments.role or person.role, sites, person.is_active)
    print(f"{after.name} is {after.role} now, of {_sites_words(after.sites)}.")


def _disable(database: Database, people: PeopleDesk, arguments: argparse.Namespace) -> None:
    _activate(people, arguments.name, False)
    print(f"{arguments.name} is locked out.")


def _enable(database: Database, people: PeopleDesk, arguments: argparse.Namespace) -> None:
    _activate(people, arguments.name, True)
    print(f"{arguments.name} may sign in again.")


def _activate(people: PeopleDesk, name: str, is_active: bool) -> None:
    person = people.find(name)
    people.change(person.id, person.role, person.sites, is_active)


def _password(database: Database, people: PeopleDesk, arguments: argparse.Namespace) -> None:
    person = people.find(arguments.name)
    people.set_password(person.id, _read_password())
    print(f"{person.name} has a new password.")


def _invite(database: Database, people: PeopleDesk, arguments: argparse.Namespace) -> None:
    print(f"{arguments.address}/password?token={people.invite(people.find(arguments.name).id)}")


def _enter(database: Database, people: PeopleDesk, arguments: argparse.Namespace) -> None:
    print(f"{arguments.address}/enter?token={people.make_entry(people.find(arguments.name).id)}")


def _key(database: Database, people: PeopleDesk, arguments: argparse.Namespace) -> None:
    until = None if arguments.days is None else _utc_now() + timedelta(days=arguments.days)
    print(people.make_key(arguments.name, arguments.role, _sites(arguments), until, "command line"))


def _keys(database: Database, people: PeopleDesk, arguments: argparse.Namespace) -> None:
    with database.session() as session:
        found = list_keys(session)
    for each in found:
        state = "counts" if each.counts(_utc_now()) else "counts no more"
        print(f"{each.id}  {each.name:<20} {each.role:<11} {_sites_words(each.sites):<20} {state}")


def _revoke_key(database: Database, people: PeopleDesk, arguments: argparse.Namespace) -> None:
    with database.transaction() as session:
        key = revoke_key(session, arguments.id, _utc_now())
    print(f"key {key.name} counts no more.")


def _read_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise ConfigError("those were two different passwords; try again")
    return password


def _sites(arguments: argparse.Namespace) -> list[str] | None:
    if arguments.sites in (None, "all"):
        return None
    return [code for each in arguments.sites.split(",") if (code := each.strip())]


def _sites_words(sites: frozenset[str] | None) -> str:
    return "all sites" if sites is None else ", ".join(sorted(sites))


def _state(person: Person) -> str:
    if not person.is_active:
        return "locked out"
    return "may sign in" if person.has_password else "invited"


def _utc_now() -> datetime:
    return datetime.now(UTC)
