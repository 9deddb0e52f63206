"""Worker processes are killed between the system's commit and ours, and each order is one record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from industrialguard.bench.eam import command
from tests.cloud.eam.small_servers import SECRET, Maximo, Odoo19, SmallServer, serving

pytestmark = [pytest.mark.slow, pytest.mark.long]


class Quick(Maximo):
    """Takes any key as its own transaction."""

    def answer(self, method: str, path: str, query: dict[str, str], body: object) -> object:
        """See `SmallServer`; real time goes on while this one's stands still."""
        self.transactions.clear()
        return super().answer(method, path, query, body)


@pytest.mark.parametrize(
    "small, kind, options",
    [(Odoo19, "odoo", 'api = "json2", database = "plant"'), (Quick, "maximo", 'site = "BEDFORD"')],
    ids=["keyed", "searched"],
)
def test_each_order_is_one_record(
    small: type[SmallServer], kind: str, options: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", SECRET)
    server, file, report = small(), tmp_path / "eam.toml", tmp_path / "eam.json"
    with serving(server) as url:
        said = (
            f'kind = "{kind}"\nurl = "{url}"\nprivate = true\nsecret = "env:KEY"\noptions = {{ {options} }}'
        )
        file.write_text(f"[eam]\n{said}\n")
        words = ["--eam", str(file), "--json", str(report)]
        words += ["--orders", "6", "--kills", "2", "--outage-min", "10", "--speed", "600"]
        assert command.main(words) == 0
    (written,) = [json.loads(report.read_text())]
    (row,) = written["rows"] if isinstance(written, dict) else written[0]["rows"]
    figures = {name: metric["mean"] for name, metric in row["metrics"].items()}
    assert figures["kills"] == 2 and figures["kills_between_commits"] == 1
    assert (figures["records"], figures["statuses_back"], figures["violations"]) == (6, 6, 0)
    assert len(server.rows) == 6
