"""The command line: flags before environment, one line for what is wrong."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.__main__ import build_parser, build_settings, main
from cloud.dead_letters import write_letter
from cloud.delivery import Delivery
from cloud.kafka_settings import KafkaAddress
from cloud.keeping import Keeping
from cloud.settings import CloudSettings, RepositorySettings, sqlite_url
from cloud.store.database import open_database
from cloud.store.writer import StoreWriter
from contract.codec import encode
from contract.errors import ConfigError, DecodeError
from contract.identity import IdentityFolder
from tests.cloud.samples import INGEST, summary


@pytest.fixture(autouse=True)
def quiet_logs() -> Iterator[None]:
    """Put the root logger back as it was: `main` configures it for a whole process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def settings(*flags: str, **environment: str) -> CloudSettings:
    return build_settings(build_parser().parse_args(["all", *flags]), environment)


def test_defaults_listen_and_connect_to_this_machine_only() -> None:
    found = settings()
    assert (found.mqtt.broker.host, found.api.host) == ("127.0.0.1", "127.0.0.1")


def test_what_is_kept() -> None:
    assert settings().keeping == Keeping(None, None)
    environment = {"INDUSTRIALGUARD_KEEP_SUMMARIES_DAYS": "90", "INDUSTRIALGUARD_LAKE": "/srv/lake"}
    assert settings(**environment).keeping == Keeping(90, Path("/srv/lake"))
    assert settings("--keep-summaries-days", "30", "--lake", "b", **environment).keeping == Keeping(
        30, Path("b")
    )
    assert settings(INDUSTRIALGUARD_KEEP_DEAD_LETTERS_DAYS="90").keeping.letter_days == 90
    assert settings("--keep-dead-letters-days", "7").keeping == Keeping(letter_days=7)
    for wrong in ("1", "0", "-3", "many", "1.5"):
        with pytest.raises(ConfigError, match="days"):
            settings("--keep-summaries-days=" + wrong)
    for wrong in ("0", "-3", "many"):
        with pytest.raises(ConfigError, match="day"):
            settings("--keep-dead-letters-days=" + wrong)


def test_flags_come_before_environment() -> None:
    environment = {
        "INDUSTRIALGUARD_MQTT": "mqtts://cloud:pw@broker:1000",
        "INDUSTRIALGUARD_HTTP": ":9000",
        "INDUSTRIALGUARD_CLOUD_DATA": "/srv/a",
    }
    found = settings(**environment)
    assert (found.mqtt.broker.host, found.mqtt.broker.password, found.api.port, found.data_dir) == (
        "broker",
        "pw",
        9000,
        Path("/srv/a"),
    )
    found = settings("--mqtt", "mqtt://other", "--http", ":9001", "--data", "b", **environment)
    assert (found.mqtt.broker.host, found.mqtt.broker.password, found.api.port, found.data_dir) == (
        "other",
        "",
        9001,
        Path("b"),
    )


def test_kafka_and_postgresql_are_told_by_flag_or_environment() -> None:
    environment = {
        "INDUSTRIALGUARD_STREAM": "kafka://a:9092,b:9092",
        "INDUSTRIALGUARD_STORE": "postgresql://guard:secret@db:5432/guard",
        "INDUSTRIALGUARD_MEMBER": "sink-1",
    }
    found = settings(**environment)
    assert (found.kafka, found.member) == (KafkaAddress("a:9092,b:9092"), "sink-1")
    assert found.store == environment["INDUSTRIALGUARD_STORE"]
    found = settings("--stream", "kafka://c:1/x", "--store", "postgresql://other/x", **environment)
    assert (found.kafka, found.store) == (KafkaAddress("c:1", "x"), "postgresql://other/x")
    assert (settings().kafka, settings().store, settings().member) == (None, None, None)
    with pytest.raises(ConfigError, match="write postgresql://") as caught:
        settings("--store", "mysql://guard:secret@db/x")
    assert "secret" not in str(caught.value)


def test_probes_and_names_are_told_by_flag_or_environment() -> None:
    environment = {"INDUSTRIALGUARD_METRICS": ":9100", "INDUSTRIALGUARD_HOSTS": "guard.plant, guard"}
    found = settings(**environment)
    assert found.metrics == ("127.0.0.1", 9100)
    assert found.api.hosts >= {"guard.plant", "guard", "localhost"}
    found = settings("--metrics", "0.0.0.0:1", "--hosts", "other", **environment)
    assert (found.metrics, "other" in found.api.hosts, "guard" in found.api.hosts) == (
        ("0.0.0.0", 1),
        True,
        False,
    )
    assert settings().metrics is None
    with pytest.raises(ConfigError, match="write HOST:PORT"):
        settings("--metrics", "9100")


def test_the_repository_is_told_with_whom_to_believe() -> None:
    given = settings("--repository", "https://updates.plant/", "--repository-root", "root.json")
    assert given.repository == RepositorySettings("https://updates.plant/", Path("root.json"))
    told = {"INDUSTRIALGUARD_REPOSITORY": "repo", "INDUSTRIALGUARD_REPOSITORY_ROOT": "root.json"}
    assert settings(**told).repository == RepositorySettings("repo", Path("root.json"))
    assert settings().repository is None
    with pytest.raises(ConfigError, match="go together"):
        settings("--repository", "repo")


def test_only_an_embedded_store_needs_a_folder(tmp_path: Path) -> None:
    outside = CloudSettings(tmp_path / "none", store="postgresql://db/guard")
    assert outside.prepare_store() == "postgresql://db/guard"
    assert not (tmp_path / "none").exists()
    assert CloudSettings(tmp_path / "data").prepare_store() == sqlite_url(tmp_path / "data" / "store.db")
    assert (tmp_path / "data").is_dir()


def test_the_other_flags() -> None:
    found = settings("--partitions", "3", "--retention-h", "0.5", "--max-stream-mb", "2")
    assert (found.partitions, found.retention_s, found.max_stream_bytes) == (3, 1800.0, 2 * 2**20)
    with pytest.raises(ConfigError, match="starts at 1"):
        settings("--max-stream-mb", "0")


def test_help_has_examples_for_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    for command in ("ingest", "sink", "api", "serve", "all", "releases", "rollout", "replay-dead-letters"):
        assert f"industrialguard cloud {command}" in shown
    assert "INDUSTRIALGUARD_MQTT" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["serve", "--mqtt", "broker"], "write mqtt://HOST:PORT"),
        (["serve", "--http", "8080"], "write HOST:PORT"),
        (["serve", "--partitions", "0"], "partitions must lie between"),
        (["ingest", "--data", "/dev/null/x"], "cannot be made"),
    ],
)
def test_a_wrong_setting_is_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("industrialguard cloud: ")
    assert words in shown
    assert shown.count("\n") == 1


def test_replay_prints_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database = open_database(sqlite_url(tmp_path / "store.db"))
    good = write_letter(Delivery("ig/v1/press-1/up/summary", encode(summary(1))), DecodeError("newer"))
    StoreWriter(database).write_dead_letters(
        [(good, INGEST), (write_letter(Delivery("x", b""), DecodeError("?")), INGEST)]
    )
    database.close()
    assert main(["replay-dead-letters", "--data", str(tmp_path), "--log-level", "ERROR"]) == 0
    assert capsys.readouterr().out == "passed 1, still dead 1, incomplete 0\n"


def test_an_identity_is_told_by_flag_or_environment_and_must_be_whole(tmp_path: Path) -> None:
    for file in ("identity.pem", "ca.pem"):
        with pytest.raises(ConfigError, match="service-identity"):
            settings("--mqtt", "mqtts://b", "--identity", str(tmp_path))
        (tmp_path / file).write_text("")
    assert settings("--mqtt", "mqtts://b", "--identity", str(tmp_path)).mqtt.identity == IdentityFolder(
        tmp_path
    )
    assert settings("--mqtt", "mqtts://b", INDUSTRIALGUARD_IDENTITY=str(tmp_path)).mqtt.identity is not None
    assert settings("--mqtt", "mqtts://b").mqtt.identity is None
    for line in (["--mqtt", "mqtt://b"], []):
        with pytest.raises(ConfigError, match="identity needs"):
            settings(*line, "--identity", str(tmp_path))
