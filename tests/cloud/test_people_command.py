"""Who may sign in, said on the command line."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from cloud.__main__ import main
from tests.cloud.test_main import quiet_logs  # noqa: F401 - a fixture

Out = pytest.CaptureFixture[str]
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def at_a_plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INDUSTRIALGUARD_CLOUD_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))


def people(out: Out, *words: str, code: int = 0) -> str:
    assert main(["people", *words]) == code, out.readouterr()
    said = out.readouterr()
    return said.err if code else said.out


def test_from_the_first_person_to_a_key(capsys: Out) -> None:
    assert "may sign in as admin" in people(capsys, "add", "Aylin Kaya", "--role", "admin")
    link = people(capsys, "add", "Jo", "--role", "technician", "--sites", "north, south", "--invite")
    assert link.startswith("http://127.0.0.1:8080/password?token=")
    listed = people(capsys, "list")
    assert "invited" in listed and "north, south" in listed and PASSWORD not in listed
    assert "engineer now, of all sites" in people(
        capsys, "change", "Jo", "--role", "engineer", "--sites", "all"
    )
    assert "locked out" in people(capsys, "disable", "Jo") and "locked out" in people(capsys, "list")
    assert "again" in people(capsys, "enable", "jo")
    assert people(capsys, "invite", "Jo", "--address", "https://guard").startswith("https://guard/password?")
    assert "/enter?token=" in people(capsys, "enter", "Jo")
    assert people(capsys, "key", "mes", "--role", "engineer", "--days", "3").startswith("ig_")
    key_id = people(capsys, "keys").split()[0]
    assert "counts no more" in people(capsys, "revoke-key", key_id)


def test_what_cannot_be_done_is_one_sentence(capsys: Out) -> None:
    assert "nobody is called" in people(capsys, "disable", "Mallory", code=1)
    people(capsys, "add", "Aylin", "--role", "admin", "--invite")
    assert "another administrator" in people(capsys, "disable", "Aylin", code=1)
    assert "is called" in people(capsys, "add", "aylin", "--invite", code=1)
    assert "there is no key" in people(capsys, "revoke-key", "x", code=1)


def test_a_password_comes_from_standard_input_and_never_from_the_command_line(
    capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(capsys, "add", "Aylin", "--invite")
    assert "new password" in people(capsys, "password", "Aylin")
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert "12 to 128" in people(capsys, "password", "Aylin", code=3)
    with pytest.raises(SystemExit):
        main(["people", "password", "Aylin", "--password", PASSWORD])
