"""`industrialguard bench edge` with tiny effort: the shape of what it says, never a time."""

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from contract.bundle import Bundle, load_bundle
from contract.errors import BundleError, ConfigError
from contract.profiles import profile_names
from industrialguard.bench import edge
from industrialguard.bench import edge_parts as parts
from industrialguard.bench.edge import bench_edge, build_parser, float_twins, main
from industrialguard.bench.report import Report, Role
from industrialguard.bench.timing import Effort

TINY = Effort(repeats=2, blocks=1, block_s=0.0, least=2, most=2)


@pytest.fixture(scope="module")
def reports() -> tuple[Report, ...]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importlib.util, "find_spec", lambda name: None)
        return tuple(bench_edge([load_bundle("pump-loop")], TINY))


def test_one_report_a_bundle_and_one_of_raw_vibration(reports: tuple[Report, ...]) -> None:
    assert [r.dataset for r in reports] == ["edge/pump-loop", "edge/vibration-second"]
    assert all(r.bench == "edge" and r.seeds == (0, 1) for r in reports)


def test_the_agents_whole_loop_is_what_ships(reports: tuple[Report, ...]) -> None:
    (main_row,) = [row for row in reports[0].rows if row.is_main]
    assert main_row.name == parts.AGENT
    assert set(main_row.metrics) >= {
        "latency_p50_us",
        "latency_p99_us",
        "model_bytes",
        "rss_bytes",
        "startup_s",
        "windows_per_core_s",
        "vs_bare_pct",
        "vs_plain_pct",
        "vs_samples_pct",
    }
    assert main_row.metrics["model_bytes"].values == (float(len(load_bundle("pump-loop").model)),)
    assert len(main_row.metrics["startup_s"].values) == TINY.repeats


def test_the_bare_interpreter_is_the_baseline(reports: tuple[Report, ...]) -> None:
    rows = {row.name: row for row in reports[0].rows}
    assert rows[parts.BARE].role is Role.BASELINE
    assert rows[parts.BARE].metrics["vs_bare_pct"].values == (100.0, 100.0)
    assert rows[parts.PLAIN].metrics["vs_plain_pct"].values == (100.0, 100.0)
    assert rows[parts.RAW_PLAIN].metrics["vs_samples_pct"].values == (100.0, 100.0)
    assert rows[parts.RAW_PLAIN].role is Role.BASELINE and rows[parts.RAW].role is Role.OURS
    assert rows[parts.WINDOW].role is Role.OURS
    assert parts.FLOAT not in rows


def test_a_missing_tensorflow_is_said(reports: tuple[Report, ...]) -> None:
    assert "No float32 twin: tensorflow and tf_keras not installed (extra train)." in reports[0].protocol


def test_the_command_writes_its_reports(
    reports: tuple[Report, ...],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[tuple[Sequence[Bundle], Effort]] = []

    def bench(bundles: Sequence[Bundle], effort: Effort) -> list[Report]:
        asked.append((bundles, effort))
        return list(reports)

    monkeypatch.setattr(edge, "bench_edge", bench)
    target = tmp_path / "edge.json"
    assert main(["--bundle", "pump-loop", "--repeats", "2", "--json", str(target)]) == 0
    ((bundles, effort),) = asked
    assert [b.manifest.name for b in bundles] == ["pump-loop"]
    assert effort.repeats == 2
    written = json.loads(target.read_text())
    assert [r["dataset"] for r in written] == [r.dataset for r in reports]
    printed = capsys.readouterr().out
    assert parts.AGENT in printed
    assert "edge: edge/vibration-second" in printed


def test_every_shipped_bundle_is_measured_unless_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Bundle] = []

    def bench(bundles: Sequence[Bundle], effort: Effort) -> list[Report]:
        asked.extend(bundles)
        return []

    monkeypatch.setattr(edge, "bench_edge", bench)
    assert main([]) == 0
    assert "pump" in [b.manifest.name for b in asked]
    assert len(asked) == len(profile_names())


def test_wrong_lines_are_refused_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--repeats", "0"]) == 2
    assert "must lie between 1 and 100" in capsys.readouterr().err
    with pytest.raises(BundleError):
        main(["--bundle", "no-such-bundle"])
    with pytest.raises(ConfigError, match="no folder"):
        main(["--json", str(tmp_path / "missing" / "x.json")])


def test_the_help_has_examples() -> None:
    assert "industrialguard bench edge --bundle pump" in build_parser().format_help()


@pytest.mark.slow
def test_the_float_twin_has_the_shape_of_the_model(tmp_path: Path) -> None:
    bundle = load_bundle("pump-loop")
    (twin,), note = float_twins([bundle], tmp_path)
    assert twin is not None, note
    assert len(twin) > len(bundle.model)
    from models.parity import DeviceModel

    assert DeviceModel(twin).shape == DeviceModel(bundle.model).shape


def test_a_twin_that_cannot_be_made_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge, "TWIN_MODULE", "models.no_such_module")
    twins, note = float_twins([load_bundle("pump-loop")], tmp_path)
    assert twins == [None]
    assert "conversion failed" in note
    assert "no_such_module" in note
