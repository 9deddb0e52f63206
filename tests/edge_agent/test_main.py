from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.bundle import Bundle, write_bundle
from contract.errors import BundleError, ConfigError
from contract.signals import Reading
from edge_agent.__main__ import (
    PASSWORD_VARIABLE,
    TimeLimit,
    build_parser,
    build_settings,
    find_bundle,
    main,
)
from edge_agent.settings import UpdateSettings
from tests.edge_agent.rig import ListSource, rig_readings
from tests.edge_agent.wire import Cloud, wait_until
from tools.servers.mosquitto import Mosquitto

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = """
from tests.edge_agent.rig import ListSource, rig_readings
def open_source(spec, profile):
    return ListSource(rig_readings(int(spec), broken=range(60, 90)))
"""


@pytest.fixture
def rig(tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Arguments for the test rig, whose sensors come from an installed package `rig:SECONDS`."""
    (tmp_path / "rig_plugin.py").write_text(PLUGIN)
    info = tmp_path / "rig_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rig-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[industrialguard.sources]\nrig = rig_plugin:open_source\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT}")
    write_bundle(tmp_path / "rig.igb", bundle)
    yield ["--bundle", str(tmp_path / "rig.igb"), "--device", "press-7", "--state", str(tmp_path / "state")]
    sys.modules.pop("rig_plugin", None)


def spawn(arguments: list[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "industrialguard", "agent", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def test_an_offline_run_prints_its_counters_as_one_json_line(rig: list[str]) -> None:
    output, errors = spawn([*rig, "--source", "rig:130", "--speed", "0", "--offline"]).communicate(timeout=60)

    (line,) = output.splitlines()
    counters = json.loads(line)
    assert counters["messages"] == {"summary": 33, "status": 2, "alarm": 2}
    assert counters["windows"] == 130 and counters["acknowledged"] == 0
    logged = [json.loads(entry) for entry in errors.splitlines()]
    assert [entry["message"] for entry in logged if "alarm" in entry["message"]] == [
        "anomaly alarm raised",
        "anomaly alarm cleared",
    ]


def test_seconds_are_machine_time(rig: list[str]) -> None:
    arguments = [*rig, "--source", "rig:500", "--speed", "0", "--seconds", "20", "--offline"]
    output, _ = spawn(arguments).communicate(timeout=60)

    assert json.loads(output)["samples"] == 20 * 268


def test_messages_reach_the_cloud_before_the_exit(rig: list[str], broker: Mosquitto, cloud: Cloud) -> None:
    url = f"mqtt://127.0.0.1:{broker.port}"
    output, _ = spawn([*rig, "--source", "rig:130", "--speed", "0", "--mqtt", url]).communicate(timeout=60)

    counters = json.loads(output)
    assert counters["acknowledged"] == sum(counters["messages"].values()) == len(set(cloud.sequences()))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_cleanly(
    rig: list[str], broker: Mosquitto, cloud: Cloud, number: signal.Signals
) -> None:
    url = f"mqtt://127.0.0.1:{broker.port}"
    process = spawn([*rig, "--source", "rig:100000", "--speed", "50", "--mqtt", url])
    wait_until(lambda: cloud.messages, "first message")
    process.send_signal(number)
    output, errors = process.communicate(timeout=30)

    assert process.returncode == 0 and "Traceback" not in errors
    counters = json.loads(output)
    assert counters["acknowledged"] == sum(counters["messages"].values())


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (["--source", "rgi:5"], "Did you mean rig:?"),
        (["--source", "rig"], "write SCHEME:SPEC"),
        (["--source", "rig:5", "--device", "a/b"], "device id"),
        (["--source", "rig:5", "--speed", "-1"], "speed must be"),
        (["--source", "rig:5", "--seconds", "0"], "--seconds must be positive"),
        (["--source", "rig:5", "--mqtt", "http://x"], "not an MQTT address"),
        (["--source", "rig:5", "--bundle", "/nowhere.igb"], "/nowhere.igb"),
        (["--source", "rig:5", "--mqtt", "mqtts://b", "--identity", "/nowhere"], "no /nowhere/identity.pem"),
        (["--source", "rig:5", "--mqtt", "mqtt://b", "--identity", "/nowhere"], "needs mqtts://"),
    ],
)
def test_bad_arguments_are_one_line_and_a_non_zero_exit(
    rig: list[str], change: list[str], complaint: str
) -> None:
    way = [] if "--mqtt" in change else ["--offline"]
    process = spawn([*rig, *way, *change])
    _, errors = process.communicate(timeout=60)

    assert process.returncode != 0
    (line,) = [entry for entry in errors.splitlines() if not entry.startswith("{")]
    assert complaint in line


def test_errors_leave_main_as_themselves(rig: list[str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="device id"):
        main([*rig, "--source", "rig:1", "--device", "", "--offline"])
    (tmp_path / "broken.igb").write_bytes(b"PK nothing")
    with pytest.raises(BundleError):
        main([*rig, "--bundle", str(tmp_path / "broken.igb"), "--source", "rig:1", "--offline"])


def test_help_has_examples_that_parse(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["--help"])
    text = capsys.readouterr().out.replace("\\\n", " ")
    examples = [line.split()[2:] for line in text.splitlines() if line.startswith("  industrialguard agent")]

    assert len(examples) == 4 and PASSWORD_VARIABLE in text
    for example in examples:
        build_parser().parse_args(example)


UPDATES = ("--updates", "https://releases.plant", "--updates-root")


def test_updates_come_with_the_root_that_the_device_was_shipped_with(tmp_path: Path) -> None:
    line = ["--profile", "pump", "--source", "x:y", "--device", "p7", "--offline"]
    assert build_settings(build_parser().parse_args(line)).updates is None
    root = tmp_path / "1.root.json"
    root.write_bytes(b"{}")
    more = (*UPDATES, str(root), "--updates-api", "https://cloud.plant", "--updates-stick", "/media/stick")
    updates = build_settings(build_parser().parse_args([*line, *more])).updates
    assert updates == UpdateSettings(
        "https://releases.plant", b"{}", "https://cloud.plant", Path("/media/stick")
    )


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (UPDATES[:2], "--updates-root FILE"),
        ((*UPDATES, "nowhere/1.root.json"), "cannot be read"),
        (("--updates-api", "https://cloud.plant"), "give --updates URL"),
    ],
    ids=["no-root", "no-such-root", "no-repository"],
)
def test_updates_that_cannot_be_are_refused_with_what_to_do(line: tuple[str, ...], says: str) -> None:
    given = ["--profile", "pump", "--source", "x:y", "--device", "p7", "--offline", *line]
    with pytest.raises(ConfigError, match=says):
        build_settings(build_parser().parse_args(given))


def test_updates_without_what_they_need_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "edge_agent.updates", None)
    given = ["--profile", "pump", "--source", "x:y", "--device", "p7", "--offline", *UPDATES, "1.root.json"]
    with pytest.raises(ConfigError, match=r"pip install 'industrialguard\[edge,ota\]'"):
        build_settings(build_parser().parse_args(given))


def test_without_an_identity_the_device_must_be_named() -> None:
    options = build_parser().parse_args(["--profile", "pump", "--source", "x:y", "--offline"])
    with pytest.raises(ConfigError, match="give --device ID"):
        build_settings(options)


@pytest.mark.parametrize("missing", ["--source", "--offline", "--bundle"])
def test_what_is_required_is_required(missing: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = {"--device": ["a"], "--source": ["rig:1"], "--offline": [], "--bundle": ["b.igb"]}
    del arguments[missing]
    with pytest.raises(SystemExit):
        build_parser().parse_args([part for name, values in arguments.items() for part in (name, *values)])
    assert missing in capsys.readouterr().err


def test_the_password_comes_from_the_environment_and_shows_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, "hunter2")
    options = build_parser().parse_args(
        [
            "--profile",
            "pump",
            "--source",
            "x:y",
            "--device",
            "p7",
            "--mqtt",
            "mqtts://p7@b",
            "--accelerator",
            "cpu",
        ]
    )
    settings = build_settings(options)

    assert settings.mqtt is not None
    assert (settings.mqtt.broker.password, settings.mqtt.identity) == ("hunter2", None)
    assert settings.state_dir == Path("state/p7") and settings.accelerator == "cpu"
    assert "hunter2" not in repr(settings)


def test_a_time_limit_ends_a_source() -> None:
    inner = ListSource(rig_readings(50))
    limited = TimeLimit(inner, 3.0)
    found: list[Reading] = []
    while not limited.is_exhausted:
        if (reading := limited.read()) is not None:
            found.append(reading)
    limited.close()

    assert len(found) == 12 and inner.is_closed
    assert limited.read() is None


def test_the_device_loads_nothing_heavy() -> None:
    code = (
        "import sys, edge_agent.__main__\n"
        "heavy = {'tuf', 'tensorflow', 'keras', 'fastapi', 'sqlalchemy', 'sqlmodel', 'pydantic', 'amqtt'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name = [", "not valid TOML"),
        ('name = "press"\nversion = 1\n', "missing"),
        ('name = "press"\nversion = 1\nwindows = 3\n', "unknown key"),
    ],
)
def test_a_malformed_profile_is_one_line(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "press.toml").write_text(text)

    with pytest.raises(ConfigError, match=why) as caught:
        find_bundle(None, str(tmp_path / "press.toml"))

    assert "press.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_profile_of_ones_own_has_no_shipped_model_and_is_told_how_to_get_one(tmp_path: Path) -> None:
    profile = tmp_path / "press.toml"
    profile.write_text(
        'name = "press"\nversion = 1\n[window]\nlength_s = 10.0\nhop_s = 10.0\ncontext = 8\n'
        '[[sensor]]\nname = "heat"\nquantity = "temperature"\nunit = "Cel"\nrate_hz = 1.0\n'
    )
    with pytest.raises(ConfigError, match=r"train edge --profile .* --bundle press\.igb"):
        find_bundle(None, str(profile))


def test_the_shipped_bundle_of_a_profile_is_found_and_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    assert find_bundle(None, "pump").profile.name == "pump"
    (tmp_path / "junk.igb").write_bytes(b"junk")
    with pytest.raises(BundleError, match=r"junk\.igb"):
        find_bundle(str(tmp_path / "junk.igb"), None)
