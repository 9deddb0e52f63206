"""The desk as a process: what it answers to whoever watches it."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.enrolment_desk import RunningDesk
from tests.secured_broker import make_fleet_authority
from tools.servers.process import HOST, free_port

pytestmark = pytest.mark.slow


class WatchedDesk(RunningDesk):
    """It answers probes, too."""

    def prepare(self) -> list[str]:
        """See `Server.prepare`."""
        self.probes = free_port(self.port)
        return [*super().prepare(), "--metrics", f"{HOST}:{self.probes}"]

    def ask(self, path: str) -> str:
        """What a probe hears."""
        with urllib.request.urlopen(f"http://{HOST}:{self.probes}{path}", timeout=10) as answer:
            return str(answer.read().decode())


def test_it_answers_probes_on_a_port_of_their_own(tmp_path: Path) -> None:
    with WatchedDesk(tmp_path, make_fleet_authority(tmp_path)) as desk:
        assert desk.ask("/healthz") and desk.ask("/readyz")
        assert "process_cpu_seconds_total" in desk.ask("/metrics")
        with pytest.raises(urllib.error.HTTPError):
            desk.ask("/enrol/trust")
