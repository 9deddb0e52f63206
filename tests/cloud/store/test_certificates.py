"""The registry, in both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from cloud.certificates import IssuedCertificate, KnownToken, Purpose
from cloud.errors import RecordRefusedError
from cloud.migrations.run import downgrade, upgrade
from cloud.store import certificates as registry
from cloud.store.database import Database
from tests.cloud.samples import at

NOW, LATER = at(100), at(200)
ONE = IssuedCertificate("1a", "press-1", Purpose.DEVICE, "d" * 64, "PEM", at(0), at(1000))
TOKEN = KnownToken("e" * 64, "press-1", at(0), at(1000))


def add(database: Database, *certificates: IssuedCertificate) -> None:
    with database.transaction() as session:
        for each in certificates:
            registry.add_certificate(session, each)


def test_what_was_issued_is_found_by_serial_and_name(database: Database) -> None:
    two = replace(ONE, serial="2b", key_digest="f" * 64)
    add(database, ONE, two, replace(ONE, serial="3c", name="cloud.sink", purpose=Purpose.SERVICE))
    with database.session() as session:
        assert registry.find_certificate(session, "1a") == ONE
        assert registry.find_certificate(session, "9") is None
        assert registry.newest_certificate(session, "press-1") == two
        assert registry.newest_certificate(session, "press-9") is None
        assert [each.serial for each in registry.list_certificates(session)] == ["3c", "2b", "1a"]
    with pytest.raises(RecordRefusedError):
        add(database, ONE)


def test_a_revocation_says_when_and_why_once(database: Database) -> None:
    add(database, ONE, replace(ONE, serial="2b"), replace(ONE, serial="3c", name="press-2"))
    with database.transaction() as session:
        assert registry.revoke_certificates(session, "press-1", "stolen", NOW) == 2
        assert registry.revoke_certificates(session, "press-1", "again", LATER) == 0
    with database.session() as session:
        found = registry.find_certificate(session, "1a")
        assert found == replace(ONE, revoked_at=NOW, why="stolen")
        assert not found.is_in_force(NOW)
        other = registry.find_certificate(session, "3c")
        assert other is not None and other.is_in_force(NOW) and not other.is_in_force(at(1000))


def test_a_token_is_used_by_one_key_and_only_in_time(database: Database) -> None:
    with database.transaction() as session:
        registry.add_token(session, TOKEN)
        assert registry.use_token(session, "0" * 64, "a", NOW) is None
        assert registry.use_token(session, TOKEN.digest, "a", at(1000)) == TOKEN
        used = replace(TOKEN, used_at=NOW, key_digest="a")
        assert registry.use_token(session, TOKEN.digest, "a", NOW) == used
        assert registry.use_token(session, TOKEN.digest, "b", LATER) == used
        assert registry.void_tokens(session, "press-1", LATER) == 0


def test_a_token_can_be_taken_back(database: Database) -> None:
    with database.transaction() as session:
        registry.add_token(session, TOKEN)
        assert registry.void_tokens(session, "press-1", NOW) == 1
        found = registry.use_token(session, TOKEN.digest, "a", LATER)
        assert found is not None and found.used_at is None
        assert [token.expires_at for token in registry.list_tokens(session)] == [NOW]


def test_of_many_keys_at_once_one_gets_the_token(database: Database) -> None:
    with database.transaction() as session:
        registry.add_token(session, TOKEN)

    def use(key: int) -> bool:
        with database.transaction() as session:
            found = registry.use_token(session, TOKEN.digest, str(key), NOW + timedelta(seconds=key))
            return found is not None and found.key_digest == str(key)

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(use, range(16))) == 1


def test_the_tables_come_and_go_without_the_rest(database: Database) -> None:
    add(database, ONE)
    with database.connection() as connection:
        downgrade(connection, "0003")
        upgrade(connection)
    with database.session() as session:
        assert registry.list_certificates(session) == []
