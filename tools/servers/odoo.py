"""Odoo 11 with its Maintenance app: a real maintenance system, old enough to come from PyPI alone.

Rule: it runs on a Python of its own (3.6, which it was made for) with the packages that
`odoo-requirements.txt` names, installed once into the cache, far from the project's lock. It is for tests on
this machine only: nobody maintains that Python any more. Its database lies in a PostgreSQL that somebody
else runs.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg

from tools.servers.process import HOST, Server
from tools.servers.programs import LackingError, ServerError, cache_folder, find_program

VERSION = "11.0"
PYTHON = "python3.6"
REQUIREMENTS = Path(__file__).with_name("odoo-requirements.txt")
HOW = "install Python 3.6, for instance by `pyenv install 3.6.15`"
DATABASE, USER, SECRET = "eam", "admin", "admin"
"""Of a fresh database."""
LAUNCH = "import odoo.cli; odoo.cli.main()"


class Odoo(Server):
    """A server with one empty database.

    Args:
        postgresql: URL of the PostgreSQL that keeps its database, of a role that may make others.
        folder: See `Server`.
    """

    name = "odoo"

    def __init__(self, postgresql: str, folder: Path | None = None) -> None:
        self._python = find_environment()
        super().__init__(folder)
        self._postgresql = postgresql
        self._role = f"odoo_{secrets.token_hex(4)}"
        self._config = self.folder / "odoo.conf"

    @property
    def url(self) -> str:
        """`http://HOST:PORT`."""
        return f"http://{HOST}:{self.port}"

    def version(self) -> str:
        """Its number."""
        return VERSION

    def is_ready(self) -> bool:
        """Whether it answers, not only listens."""
        try:
            urllib.request.urlopen(f"{self.url}/web/static/src/js/boot.js", timeout=5).close()  # noqa: S310
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def prepare(self) -> list[str]:
        """Make its role and its database where they are not there yet."""
        if not self._config.exists():
            self._initialise()
        return [*self._command(), "-d", DATABASE]

    def __exit__(self, *error: object) -> None:
        """Stop it, and take its role and database away."""
        try:
            self.stop()
        finally:
            self._drop()
            if self._is_own_folder:
                shutil.rmtree(self.folder, ignore_errors=True)

    def _initialise(self) -> None:
        password = secrets.token_hex(8)
        with psycopg.connect(self._postgresql, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {self._role} LOGIN CREATEDB PASSWORD '{password}'")
        server = urlsplit(self._postgresql)
        lines = [
            "[options]",
            f"db_host = {server.hostname}",
            f"db_port = {server.port}",
            f"db_user = {self._role}",
            f"db_password = {unquote(password)}",
            f"data_dir = {self.folder / 'data'}",
            f"xmlrpc_interface = {HOST}",
            f"xmlrpc_port = {self.port}",
            "max_cron_threads = 0",
            "workers = 0",
            "list_db = False",
            "without_demo = all",
        ]
        self._config.touch(0o600)
        self._config.write_text("\n".join(lines) + "\n")
        first = [*self._command(), "-d", DATABASE, "-i", "maintenance", "--stop-after-init"]
        made = subprocess.run(first, capture_output=True, text=True, check=False, cwd=self.folder)
        if made.returncode:
            raise ServerError(f"odoo: no database could be made:\n{made.stderr[-2000:]}")

    def _command(self) -> list[str]:
        return [str(self._python), "-c", LAUNCH, "server", "-c", str(self._config), "--log-level=error"]

    def _drop(self) -> None:
        with psycopg.connect(self._postgresql, autocommit=True) as connection:
            for (name,) in connection.execute(
                "SELECT datname FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE rolname = %s",
                (self._role,),
            ).fetchall():
                connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
            connection.execute(f"DROP ROLE IF EXISTS {self._role}")


def find_environment() -> Path:
    """Its Python, with its packages; they are fetched from PyPI where that was not done yet.

    Raises:
        LackingError: there is no Python 3.6, or its packages cannot be had.
    """
    folder = cache_folder() / f"odoo-{VERSION}"
    if not folder.is_dir():
        python = find_python()
        if python is None:
            raise LackingError(f"Odoo {VERSION} needs {PYTHON}: {HOW}")
        _install(python, folder)
    return folder / "bin" / "python"


def find_python() -> str | None:
    """A Python 3.6, which no package manager of today installs; None: there is none."""
    candidates = sorted(Path.home().glob(".pyenv/versions/3.6.*/bin/python3.6"))
    return str(candidates[-1]) if candidates else find_program(PYTHON)


def _install(python: str, folder: Path) -> None:
    """Install beside it, then rename; a virtual environment is told of its new place by its Python."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        made = Path(place) / "odoo"
        own = str(made / "bin" / "python")
        quietly = ("--disable-pip-version-check", "-q")
        steps = (
            [python, "-m", "venv", str(made)],
            [own, "-m", "pip", *quietly, "install", "--no-deps", "-r", str(REQUIREMENTS)],
        )
        for step in steps:
            done = subprocess.run(step, capture_output=True, text=True, check=False, env=_plain())
            if done.returncode:
                reason = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
                raise LackingError(f"Odoo {VERSION} could not be installed from PyPI: {reason[:300]}")
        try:
            made.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise


def _plain() -> dict[str, str]:
    """Our environment without what is meant for our own Python."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))}
