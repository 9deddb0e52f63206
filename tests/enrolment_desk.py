"""A real `industrialguard cloud enrol`, with its store beside it."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cloud.certificates import IssuedCertificate, KnownToken
from cloud.pki.authority import Authority
from cloud.settings import sqlite_url
from cloud.store import certificates as registry
from cloud.store.database import Database, open_database
from contract.enrolment import ClaimToken, fingerprint
from tests.conftest import PROJECT_ROOT
from tools.servers.process import HOST, Server


class RunningDesk(Server):
    """The desk of an authority whose key lies in `folder/ca`.

    Args:
        folder: The cloud's data.
        authority: The same, for tests that issue by themselves.
    """

    name = "enrol"

    def __init__(self, folder: Path, authority: Authority) -> None:
        super().__init__(folder)
        self.authority = authority

    @property
    def url(self) -> str:
        """Where devices find it."""
        return f"https://localhost:{self.port}"

    def version(self) -> str:
        """Ours."""
        return "ours"

    def prepare(self) -> list[str]:
        """Its command."""
        where = ["--data", str(self.folder), "--host", "localhost", "--http", f"{HOST}:{self.port}"]
        code = f"import sys; sys.path.insert(0, {str(PROJECT_ROOT)!r}); "
        code += "from cloud.pki.commands import main; sys.exit(main(sys.argv[1:]))"
        return [sys.executable, "-c", code, "enrol", *where]

    @contextmanager
    def database(self) -> Iterator[Database]:
        """Its store."""
        database = open_database(sqlite_url(self.folder / "store.db"))
        try:
            yield database
        finally:
            database.close()

    def token(self, device_id: str, life: timedelta = timedelta(hours=1)) -> ClaimToken:
        """A claim token that it knows."""
        now = datetime.now(UTC)
        token = ClaimToken(device_id, secrets.token_hex(16), fingerprint(self.authority.root))
        with self.database() as database, database.transaction() as session:
            registry.add_token(session, KnownToken(token.digest, device_id, now, now + life))
        return token

    def add(self, issued: IssuedCertificate) -> None:
        """Let it know a certificate that a test has issued."""
        with self.database() as database, database.transaction() as session:
            registry.add_certificate(session, issued)

    def revoke(self, name: str) -> None:
        """Take a name's certificates back."""
        with self.database() as database, database.transaction() as session:
            registry.revoke_certificates(session, name, "test", datetime.now(UTC))

    def certificates(self, name: str) -> list[IssuedCertificate]:
        """What it knows of a name, the newest first."""
        with self.database() as database, database.session() as session:
            return [each for each in registry.list_certificates(session) if each.name == name]
