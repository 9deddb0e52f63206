"""The commands, in the order in which a person types them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cloud.__main__ import PKI_COMMANDS, main
from cloud.pki.authority import PASSPHRASE
from contract.enrolment import ClaimToken

Run = Callable[..., str]


@pytest.fixture(autouse=True)
def quiet_logs() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INDUSTRIALGUARD_CLOUD_DATA", str(tmp_path / "data"))
    monkeypatch.setenv(PASSPHRASE, "words")

    def line(*words: str, code: int = 0) -> str:
        assert main(words) == code
        said = capsys.readouterr()
        return said.err if code else said.out

    line("make-ca", "--root", "root")
    return line


def test_a_first_set_up(run: Run, tmp_path: Path) -> None:
    assert "mosquitto.conf" in run("broker-files", "--out", "broker", "--host", "localhost")
    assert "cloud.all until" in run("service-identity", "cloud.all", "--out", "ids/all")
    token = ClaimToken.parse(run("claim-token", "press-07"))
    listed = run("devices")

    assert token.device_id == "press-07" and token.secret not in listed
    for word in ("cloud.all", "service", "mqtt.broker", "server", "press-07", "token"):
        assert word in listed
    files = {path.name for path in (tmp_path / "broker").iterdir()}
    assert files == {"mosquitto.conf", "acl", "ca.pem", "identity.pem", "revoked.pem"}
    assert token.secret.encode() not in (tmp_path / "data" / "store.db").read_bytes()


def test_a_service_gets_a_new_identity_in_place(run: Run, tmp_path: Path) -> None:
    run("service-identity", "cloud.sink", "--out", "sink")
    before = (tmp_path / "sink" / "identity.pem").read_bytes()
    run("service-identity", "cloud.sink", "--out", "sink")
    assert (tmp_path / "sink" / "identity.pem").read_bytes() != before
    assert (tmp_path / "sink" / "identity.pem").stat().st_mode & 0o777 == 0o600


def test_a_device_is_taken_back_with_its_tokens(run: Run) -> None:
    run("claim-token", "press-07")
    assert "0 certificates and 1 tokens" in run("revoke", "press-07", "--why", "stolen")
    assert "press-07" not in run("devices")
    assert "nothing to take back" in run("revoke", "press-07", "--why", "again", code=1)
    run("service-identity", "cloud.sink", "--out", "sink")
    said = run("revoke", "cloud.sink", "--why", "leaked")
    assert "start the broker again" in said and "broker-files" in said
    assert "revoked" in run("devices") and "leaked" in run("devices")


def test_a_revocation_may_be_done_again(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted after any step, the same words do the rest."""
    run("broker-files", "--out", "broker", "--host", "localhost")
    run("service-identity", "cloud.sink", "--out", "sink")
    words = ("revoke", "cloud.sink", "--why", "leaked", "--out", "broker")
    before = (tmp_path / "broker" / "revoked.pem").read_bytes()
    assert "was not reloaded" in run(*words, "--reload", "false", code=1)
    after = (tmp_path / "broker" / "revoked.pem").read_bytes()
    assert after != before, "written before the reload failed"
    said = run(*words, "--reload", "touch told")
    assert "0 certificates and 0 tokens" in said and "the broker was told: touch told" in said
    assert (tmp_path / "told").exists()
    monkeypatch.setenv("INDUSTRIALGUARD_BROKER_FILES", "broker")
    monkeypatch.setenv("INDUSTRIALGUARD_BROKER_RELOAD", "touch again")
    said = run("revoke", "cloud.sink", "--why", "leaked")
    assert (tmp_path / "again").exists() and "are written" in said


def test_a_revocation_counts_in_the_registry_whatever_becomes_of_the_broker(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("broker-files", "--out", "broker", "--host", "localhost")
    run("service-identity", "cloud.sink", "--out", "sink")
    monkeypatch.setenv(PASSPHRASE, "guess")
    assert PASSPHRASE in run("revoke", "cloud.sink", "--why", "leaked", "--out", "broker", code=2)
    assert "leaked" in run("devices")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["claim-token", "a/b"], "not a claim token|device id"),
        (["claim-token", "a", "--hours", "0"], "--hours must lie"),
        (["broker-files", "--out", "/dev/null/x", "--host", "b"], "cannot be written"),
        (["broker-files", "--out", "x", "--host", "b", "--services", "b"], "write HOST:PORT"),
        (["service-identity", "cloud.all", "--out", "/dev/null/x"], "cannot be written"),
        (["revoke", "nobody", "--why", "x"], "nothing to take back"),
        (["revoke", "nobody", "--why", "x", "--out", "elsewhere"], "has no mosquitto.conf"),
        (["revoke", "nobody", "--why", "x", "--reload", "'"], "--reload is no command"),
        (["devices", "--store", "mysql://a:secret@b/c"], "is no store"),
    ],
)
def test_what_is_wrong_is_one_line(
    line: list[str], words: str, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    import re

    assert main(line) != 0
    said = capsys.readouterr().err
    assert re.search(words, said) and said.count("\n") == 1 and "secret" not in said


def test_a_wrong_passphrase_names_its_variable(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSPHRASE, "guess")
    said = run("claim-token", "press-07", code=2)
    assert PASSPHRASE in said and "guess" not in said


def test_whoever_begins_in_the_middle_is_told_what_comes_first(run: Run) -> None:
    assert "make-ca" in run("devices")
    said = run("claim-token", "press-07", "--ca", "elsewhere", code=2)
    assert "there is no authority in elsewhere" in said and "make-ca" in said and "--ca" in said


@pytest.mark.parametrize("command", PKI_COMMANDS)
def test_every_command_has_help_with_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert "industrialguard cloud claim-token press-07" in capsys.readouterr().out
