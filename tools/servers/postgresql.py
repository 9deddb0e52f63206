"""PostgreSQL, in a cluster of its own.

Rule: a password is asked for, as in earnest, so that tests see it kept out of logs. PostgreSQL refuses to run
as root; where root starts it, it runs as the user `postgres`, who owns its folder.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path

from tools.servers.process import HOST, Server
from tools.servers.programs import LackingError, ServerError, find_program, require_program

MAJOR = 15
"""The oldest version that is tried."""
HOW = "apt-get install postgresql-15, or brew install postgresql@15"
ROLE, DATABASE = "guard", "guard"
SETTINGS = {
    "listen_addresses": HOST,
    "fsync": "off",  # it is killed, not the machine: what it wrote stays in the system's memory
    "max_connections": "50",
    "log_min_messages": "warning",
    "timezone": "UTC",
}


class PostgreSql(Server):
    """A server with one empty database.

    Args:
        folder: See `Server`.
    """

    name = "postgresql"

    def __init__(self, folder: Path | None = None) -> None:
        self._bin = _find_bin()
        self.user = _choose_user()
        super().__init__(folder)
        self.password = secrets.token_hex(12)
        self._data = self.folder / "data"

    @property
    def url(self) -> str:
        """`postgresql://USER:PASSWORD@HOST:PORT/DATABASE`."""
        return f"postgresql://{ROLE}:{self.password}@{HOST}:{self.port}/{DATABASE}"

    def version(self) -> str:
        """Its number."""
        said = self._run("postgres", "--version").stdout
        return said.split()[2]

    def prepare(self) -> list[str]:
        """Make the cluster, where it is not there yet, and say how it is started."""
        if not self._data.exists():
            self._initialise()
        options = [f"-c{name}={value}" for name, value in SETTINGS.items()]
        sockets = f"-cunix_socket_directories={self.folder}"
        return [str(self._bin / "postgres"), "-D", str(self._data), "-p", str(self.port), sockets, *options]

    def is_ready(self) -> bool:
        """Whether its database answers; it is made when it is not there yet."""
        if self._ask("postgres", "SELECT 1").returncode:
            return False
        if self._ask(DATABASE, "SELECT 1").returncode:
            self._ask("postgres", f"CREATE DATABASE {DATABASE}")
        return self._ask(DATABASE, "SELECT 1").returncode == 0

    def stop(self) -> None:
        """Stop it without waiting for clients to leave (fast shutdown)."""
        if self._process is not None:
            os.kill(self.pid, signal.SIGINT)
        super().stop()

    def _initialise(self) -> None:
        secret = self.folder / "password"
        secret.touch(0o600)
        secret.write_text(self.password + "\n")
        if self.user is not None:
            for path in (self.folder, secret):
                shutil.chown(path, self.user)
        made = self._run(
            *("initdb", "-D", str(self._data), "-U", ROLE, f"--pwfile={secret}"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"),
        )
        if made.returncode:
            raise ServerError(f"postgresql: no cluster could be made:\n{made.stderr}")
        secret.unlink()

    def _ask(self, database: str, statement: str) -> subprocess.CompletedProcess[str]:
        where = ["-h", HOST, "-p", str(self.port), "-U", ROLE, "-d", database]
        return self._run("psql", *where, "-qtAX", "-c", statement)

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PGPASSWORD": self.password} if hasattr(self, "password") else None
        return subprocess.run(
            [str(self._bin / program), *arguments],
            capture_output=True,
            text=True,
            check=False,
            user=self.user,
            cwd="/",
            env=environment,
        )


def _find_bin() -> Path:
    """Where its programs are: Debian keeps each version in a folder, which is on nobody's PATH.

    Raises:
        LackingError: it is not installed.
    """
    found = {int(path.parts[-3]): path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")}
    fitting = sorted(version for version in found if version >= MAJOR)
    if fitting:
        return found[fitting[0]]
    return Path(require_program("postgres", how=HOW)).resolve().parent


def _choose_user() -> str | None:
    if os.geteuid() != 0:
        return None
    if find_program("postgres") is None and not Path("/usr/lib/postgresql").exists():
        raise LackingError(f"postgresql is not installed: {HOW}")
    return "postgres"
