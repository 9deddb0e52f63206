"""A device has the wheel and the `edge` extra, and nothing else; there the agent works, within its memory.

The environment is built for real: the wheel from this tree, the extra's packages at the locked versions.
"""

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import PROJECT_ROOT, require

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

MAX_RSS_MB = 80
MACHINE_SECONDS = (
    1200  # of machine time: the warm-up of a pump (36 windows of 5 s), and many windows after it
)
FORBIDDEN = (
    "aiokafka",
    "fastapi",
    "keras",
    "pydantic",
    "sqlalchemy",
    "sqlmodel",
    "tensorflow",
    "tf_keras",
    "tuf",
)

LIST_INSTALLED = """
import importlib.util, json, sys
print(json.dumps([name for name in sys.argv[1:] if importlib.util.find_spec(name)]))
"""

# What `python -X importtime` would tell with more noise: the top-level packages loaded by one import.
LIST_LOADED = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@dataclass(frozen=True)
class BareDevice:
    """An environment with the wheel and its `edge` extra only.

    Attributes:
        folder: The virtual environment.
        work: An empty folder to run in, so that nothing of the source tree is found by accident.
    """

    folder: Path
    work: Path

    def run(self, *line: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment to its end."""
        return subprocess.run(self.command(*line), cwd=self.work, capture_output=True, text=True, check=False)

    def command(self, program: str, *arguments: str) -> list[str]:
        """Build the command line that runs a program of the environment."""
        return [str(self.folder / "bin" / program), *arguments]


@pytest.fixture(scope="module")
def device(uv: str, tmp_path_factory: pytest.TempPathFactory) -> BareDevice:
    """Build the wheel and install it with the `edge` extra into a new environment."""
    home = tmp_path_factory.mktemp("bare-edge")
    call(uv, "build", "--quiet", "--wheel", "--out-dir", str(home / "dist"), str(PROJECT_ROOT))
    (wheel,) = (home / "dist").glob("*.whl")
    call(uv, "venv", "--quiet", "--python", sys.executable, str(home / "venv"))
    target = ("--python", str(home / "venv" / "bin" / "python"))
    lock = str(PROJECT_ROOT / "requirements.lock")
    call(uv, "pip", "install", "--quiet", *target, "-c", lock, f"{wheel}[edge]")
    (home / "work").mkdir()
    return BareDevice(home / "venv", home / "work")


def call(*line: str) -> None:
    """Run a step of the installation; show what it said when it fails."""
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.fail(f"{' '.join(line[:3])} failed:\n{done.stderr}", pytrace=False)


def test_the_environment_is_bare(device: BareDevice) -> None:
    done = device.run("python", "-c", LIST_INSTALLED, *FORBIDDEN, "rich", "amqtt", "uvicorn")
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("agent", "--help")], ids=" ".join)
def test_the_device_can_read_the_manual(device: BareDevice, arguments: tuple[str, ...]) -> None:
    if "agent" in arguments:
        skip_without("edge_agent.__main__")
    done = device.run("industrialguard", *arguments)
    assert done.returncode == 0, done.stderr
    assert "industrialguard" in done.stdout


@pytest.mark.parametrize(
    ("command", "module", "extra"),
    [
        ("demo", "simulators.demo", "demo"),
        ("cloud", "cloud.__main__", "cloud"),
        ("train", "models.__main__", "train"),
    ],
)
def test_what_the_device_lacks_is_named_in_one_line(
    device: BareDevice, command: str, module: str, extra: str
) -> None:
    skip_without(module)
    done = device.run("industrialguard", command)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert f"extra '{extra}'" in done.stderr
    assert f"pip install 'industrialguard[{extra}]'" in done.stderr


def test_updates_name_what_they_need(device: BareDevice) -> None:
    line = ("agent", "--profile", "pump", "--source", "sim:seed=1", "--device", "a", "--offline")
    done = device.run(
        "industrialguard", *line, "--updates", "https://releases", "--updates-root", "1.root.json"
    )
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "pip install 'industrialguard[edge,ota]'" in done.stderr


def test_the_agent_loads_nothing_heavy(device: BareDevice) -> None:
    skip_without("edge_agent.agent")
    done = device.run("python", "-c", LIST_LOADED, "edge_agent.agent")
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout))
    assert "numpy" in loaded
    assert sorted(loaded & set(FORBIDDEN)) == []


def test_the_agent_loads_nothing_heavy_even_where_everything_is_installed() -> None:
    skip_without("edge_agent.agent")
    line = [sys.executable, "-c", LIST_LOADED, "edge_agent.agent"]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert sorted(set(json.loads(done.stdout)) & set(FORBIDDEN)) == []


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc (Linux)")
def test_a_running_agent_stays_within_its_memory(device: BareDevice) -> None:
    skip_without("edge_agent.__main__")
    skip_without("simulators.sources")
    arguments = (
        *("agent", "--profile", "pump", "--source", "sim:seed=1", "--device", "pump-1"),
        *("--seconds", str(MACHINE_SECONDS), "--speed", "0", "--offline"),
    )
    out, log = device.work / "agent.out", device.work / "agent.log"
    with (
        out.open("wb") as stdout,
        log.open("wb") as stderr,
        subprocess.Popen(
            device.command("industrialguard", *arguments), cwd=device.work, stdout=stdout, stderr=stderr
        ) as agent,
    ):
        peak_mb = watch_peak_rss_mb(agent)
    assert agent.returncode == 0, log.read_text()
    # Without a score the model's runtime would never have been loaded, and the figure would mean nothing.
    assert json.loads(out.read_text())["scored"] > 0
    assert peak_mb < MAX_RSS_MB


def watch_peak_rss_mb(process: subprocess.Popen[bytes]) -> float:
    """Follow a process to its end and return the largest resident set that the kernel saw, in MB.

    `getrusage` would not do: a child inherits the mark of the large process that started it.
    """
    peak_kb = 0
    while process.poll() is None:
        status = read_status(process.pid)
        peak_kb = max(peak_kb, int(status.get("VmHWM", "0 kB").split()[0]))
        time.sleep(0.02)
    assert peak_kb > 0, "the agent ended before its memory could be read"
    return peak_kb / 1024


def read_status(pid: int) -> Mapping[str, str]:
    """Read /proc/PID/status; empty when the process has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def skip_without(module: str) -> None:
    """Skip while a module is not written yet; where everything is required, its absence is a failure."""
    require(importlib.util.find_spec(module) is not None, f"{module} does not exist")
