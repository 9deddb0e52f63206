"""Request Tracker 5 from Debian's packages: a real ticket system of another shape than Odoo.

Rule: nothing of the machine's own installation is used but the programs: configuration, database and sessions
lie in a folder of its own, and mail goes into a file.
"""

from __future__ import annotations

import os
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from string import Template

from tools.servers.process import HOST, Server
from tools.servers.programs import LackingError, ServerError

PROGRAM = Path("/usr/share/request-tracker5/libexec/rt-server")
SETUP = Path("/usr/sbin/rt-setup-database-5")
HOW = "apt-get install request-tracker5 rt5-standalone rt5-db-sqlite"
USER, SECRET = "root", "password"
"""As its own first set-up makes them."""

CONFIG = Template("""\
Set($$rtname, 'plant');
Set($$Organization, 'plant');
Set($$WebDomain, '$host');
Set($$WebPort, $port);
Set($$WebPath, '');
Set($$MailCommand, 'testfile');
Set($$DatabaseType, 'SQLite');
Set($$DatabaseName, '$folder/rt.db');
Set($$DatabaseUser, '');
Set($$DatabasePassword, '');
Set($$LogToSyslog, undef);
Set($$LogToSTDERR, 'error');
Set($$Timezone, 'UTC');
Set($$MasonDataDir, '$folder/mason');
Set($$MasonSessionDir, '$folder/sessions');
1;
""")


class RequestTracker(Server):
    """A server with the queue `General` and nothing in it.

    Args:
        folder: See `Server`.
    """

    name = "request-tracker"

    def __init__(self, folder: Path | None = None) -> None:
        if not PROGRAM.exists():
            raise LackingError(f"Request Tracker 5 is not installed: {HOW}")
        super().__init__(folder)
        self._config = self.folder / "RT_SiteConfig.pm"

    @property
    def url(self) -> str:
        """`http://HOST:PORT`."""
        return f"http://{HOST}:{self.port}"

    def version(self) -> str:
        """Its number."""
        asked = ["dpkg-query", "-W", "-f", "${Version}", "request-tracker5"]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout or "5"

    def is_ready(self) -> bool:
        """Whether it answers, not only listens."""
        try:
            urllib.request.urlopen(f"{self.url}/REST/2.0/rt", timeout=5).close()  # noqa: S310
        except urllib.error.HTTPError as refusal:
            refusal.close()
            return True
        except OSError:
            return False
        return True

    def prepare(self) -> list[str]:
        """Make its database where there is none yet."""
        if not self._config.exists():
            self._initialise()
        variables = [f"{name}={value}" for name, value in self._environment().items()]
        return ["env", *variables, str(PROGRAM), "--host", HOST, "--port", str(self.port)]

    def _initialise(self) -> None:
        for name in ("mason", "sessions", "conf.d"):
            (self.folder / name).mkdir(exist_ok=True)
        text = CONFIG.substitute(host=HOST, port=self.port, folder=self.folder)
        self._config.write_text(text)
        made = subprocess.run(
            [str(SETUP), "--action", "init", "--skip-create"],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            env=os.environ | self._environment(),
        )
        if made.returncode:
            raise ServerError(f"request tracker: no database could be made:\n{made.stderr[-2000:]}")

    def _environment(self) -> dict[str, str]:
        return {"RT_SITE_CONFIG": str(self._config), "RT_SITE_CONFIG_DIR": str(self.folder / "conf.d")}
