"""A child that breaks is told from one that refuses, and what needs no child starts none."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from contract.durable import exclusive
from contract.errors import DataError, IndustrialGuardError
from models import pipeline_process
from models.errors import NotReleasableError, PipelineError
from models.pipeline_config import PipelineConfig
from models.pipeline_process import format_error, run_in_child
from models.stages.spans import SPLITS


def config(folder: Path) -> PipelineConfig:
    return PipelineConfig(folder / "spans", folder / "none.pbtxt", folder / "root", folder / "registry")


def make_span(folder: Path) -> None:
    for side in SPLITS:
        (folder / "spans" / "span-00001" / side).mkdir(parents=True)
        (folder / "spans" / "span-00001" / side / "lives.parquet").write_bytes(b"PAR1" + bytes(4) + b"PAR1")


def test_a_span_that_is_not_there_needs_no_child(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such folder of spans"):
        run_in_child(config(tmp_path), print)
    assert not (tmp_path / "root").exists()


def answer_with(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the child be a program that says two stages and leaves this answer."""
    program = f"import sys; print('noise'); print('stage: Trainer'); open(sys.argv[-1], 'w').write({text!r})"
    watch = pipeline_process._watch
    monkeypatch.setattr(
        pipeline_process,
        "_watch",
        lambda line, log, progress: watch([sys.executable, "-c", program, *line[3:]], log, progress),
    )


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("DataError", DataError), ("NotReleasableError", NotReleasableError), ("Unheard", PipelineError)],
)
def test_a_refusal_comes_back_as_the_error_that_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, expected: type[IndustrialGuardError]
) -> None:
    make_span(tmp_path)
    answer_with(f'{{"error": "column x is missing", "kind": "{kind}"}}', monkeypatch)
    with pytest.raises(expected, match=r"^column x is missing$"):
        run_in_child(config(tmp_path), print)


def test_an_outcome_and_its_stages_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_span(tmp_path)
    answer_with(
        '{"version": "3-ab", "is_blessed": false, "refused_because": ["rmse"], "card": "c.html"}', monkeypatch
    )
    stages: list[str] = []
    outcome = run_in_child(config(tmp_path), stages.append)
    assert (outcome.version, outcome.is_blessed, outcome.refused_because) == ("3-ab", False, ("rmse",))
    assert outcome.card == Path("c.html")
    assert stages == ["Trainer"]


def test_a_child_that_breaks_names_stage_and_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_span(tmp_path)
    program = "import sys; print('stage: Trainer', flush=True); sys.exit('no memory')"
    watch = pipeline_process._watch
    monkeypatch.setattr(
        pipeline_process,
        "_watch",
        lambda line, log, progress: watch([sys.executable, "-c", program], log, progress),
    )
    with pytest.raises(PipelineError, match="the pipeline broke in Trainer; its log says why: ") as raised:
        run_in_child(config(tmp_path), print)
    log = Path(str(raised.value).rpartition(": ")[2])
    assert "no memory" in log.read_text()


def test_one_run_at_a_time(tmp_path: Path) -> None:
    make_span(tmp_path)
    (tmp_path / "root").mkdir()
    with (
        exclusive(tmp_path / "root" / "lock", 0),
        pytest.raises(PipelineError, match="another run is under way"),
    ):
        run_in_child(config(tmp_path), print)


def test_a_child_whose_parent_was_killed_keeps_others_out(tmp_path: Path) -> None:
    make_span(tmp_path)
    request = tmp_path / "request.json"
    request.write_text(json.dumps({"act": "run", "config": config(tmp_path).to_json()}), "utf-8")
    (tmp_path / "root").mkdir()
    line = [sys.executable, "-m", "models.pipeline_process", str(request), str(tmp_path / "answer.json")]
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as orphan:
        try:
            await_lock(tmp_path / "root" / "lock")
            with pytest.raises(PipelineError, match="another run is under way"):
                run_in_child(config(tmp_path), print)
        finally:
            orphan.kill()


def await_lock(lock: Path) -> None:
    for _ in range(600):
        if lock.exists():
            try:
                with exclusive(lock, 0):
                    pass
            except TimeoutError:
                return
        time.sleep(0.05)
    pytest.fail("the child never took the lock")


def test_errors_lose_what_beam_adds() -> None:
    error = DataError("column x:\n  is odd [while running 'InputToRecord[train]/Encode']")
    assert format_error(error)["kind"] == "DataError"
    assert format_error(error)["error"].startswith("column x: is odd")
