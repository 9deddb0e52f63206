from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.errors import ConfigError, EnrolmentError
from edge_agent.__main__ import build_parser as agent_parser
from edge_agent.__main__ import build_settings
from edge_agent.provision import TOKEN_VARIABLE, build_parser, main
from tests.enrolment_desk import RunningDesk
from tests.secured_broker import make_fleet_authority


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDesk]:
    folder = tmp_path_factory.mktemp("desk")
    with RunningDesk(folder, make_fleet_authority(folder)) as running:
        yield running


@pytest.fixture(autouse=True)
def quiet_logs() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.mark.parametrize("way", ["file", "stdin", "environment"])
def test_a_token_comes_by_every_way_but_the_command_line(
    way: str,
    desk: RunningDesk,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    token = desk.token(f"press-{way}")
    line = ["--identity", str(tmp_path / "id"), "--url", desk.url]
    (tmp_path / "token").write_text(f"{token}\n")
    monkeypatch.setenv(TOKEN_VARIABLE, str(token) if way == "environment" else "")
    line += {"file": ["--token-file", str(tmp_path / "token")], "stdin": ["--token-file", "-"]}.get(way, [])

    for _ in range(2):
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{token}\n"))
        assert main(line) == 0
    assert main(["--identity", str(tmp_path / "id")]) == 0
    said = capsys.readouterr()
    assert said.out.count(f"press-{way}, until 20") == 3
    assert token.secret not in said.out + said.err
    with pytest.raises(EnrolmentError, match="too young"):
        main(["--identity", str(tmp_path / "id"), "--renew"])


def test_an_identity_is_all_that_an_agent_needs_beside_the_broker(desk: RunningDesk, tmp_path: Path) -> None:
    token = desk.token("press-agent")
    (tmp_path / "token").write_text(str(token))
    main(["--identity", str(tmp_path / "id"), "--url", desk.url, "--token-file", str(tmp_path / "token")])
    line = [
        "--profile",
        "pump",
        "--source",
        "x:y",
        "--mqtt",
        "mqtts://broker",
        "--identity",
        str(tmp_path / "id"),
    ]

    settings = build_settings(agent_parser().parse_args(line))
    assert settings.device_id == "press-agent" and settings.state_dir == Path("state/press-agent")
    assert build_settings(agent_parser().parse_args([*line, "--device", "press-agent"])) == settings
    with pytest.raises(ConfigError, match="identity is that of 'press-agent'; leave --device out"):
        build_settings(agent_parser().parse_args([*line, "--device", "other"]))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["--url", "https://x"], f"by --token-file or {TOKEN_VARIABLE}"),
        (["--url", "https://x", "--token-file", "/nowhere"], "cannot be read"),
        (["--renew"], "industrialguard provision"),
        ([], "industrialguard provision"),
    ],
)
def test_what_is_missing_is_said(
    line: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    with pytest.raises(ConfigError, match=words):
        main(["--identity", str(tmp_path / "id"), *line])


def test_help_has_examples_that_parse(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["--help"])
    text = capsys.readouterr().out
    examples = [
        line.split()[2:] for line in text.splitlines() if line.startswith("  industrialguard provision")
    ]
    assert len(examples) == 3
    for example in examples:
        build_parser().parse_args(example)
