"""A run of the pipeline in a process of its own: TFX is loaded there and nowhere else.

Rule: the child says how it ended in one file of JSON. A refusal comes back as the error that it was, with its
one sentence; anything else is a defect, and its traceback stands in the log that the error names.
"""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contract.durable import exclusive
from contract.errors import IndustrialGuardError
from models.errors import PipelineError
from models.pipeline_config import Outcome, PipelineConfig, Run

Progress = Callable[[str], None]

_BEAM_SUFFIX = re.compile(r"\s*\[while running [^\]]*\]")
_STAGE = "stage: "


def run_in_child(config: PipelineConfig, progress: Progress) -> Outcome:
    """Run the pipeline.

    Args:
        config: The run.
        progress: Is told the name of each stage as it begins.

    Raises:
        IndustrialGuardError: a stage refused, in one sentence; the registry is as before.
        PipelineError: a stage broke; names the log.
    """
    answer = _ask_child({"act": "run", "config": config.to_json()}, config, progress)
    reasons = tuple(answer["refused_because"])
    return Outcome(answer["version"], answer["is_blessed"], reasons, Path(answer["card"]))


def compile_in_child(config: PipelineConfig, path: Path, image: str) -> None:
    """Write the graph for Kubeflow; runs nothing.

    Raises:
        IndustrialGuardError: as `models.pipeline.compile_for_kubeflow`.
        PipelineError: it broke; names the log.
    """
    request = {"act": "compile", "config": config.to_json(), "path": str(path.absolute()), "image": image}
    _ask_child(request, config, lambda _: None)


def _ask_child(request: Mapping[str, str], config: PipelineConfig, progress: Progress) -> dict[str, Any]:
    started = datetime.now(UTC)
    Run.prepare(config, started)  # refuses in no time what needs no TFX to be seen
    logs = config.root / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{started:%Y%m%dT%H%M%S%fZ}.log"
    with tempfile.TemporaryDirectory(prefix="industrialguard-pipeline-") as folder:
        asked, answered = Path(folder) / "request.json", Path(folder) / "answer.json"
        asked.write_text(json.dumps(request), encoding="utf-8")
        stage = _watch(
            [sys.executable, "-m", "models.pipeline_process", str(asked), str(answered)], log, progress
        )
        if not answered.exists():
            broke = f"the pipeline broke in {stage or 'its first lines'}"
            raise PipelineError(f"{broke}; its log says why: {log}")
        answer: dict[str, Any] = json.loads(answered.read_text(encoding="utf-8"))
    if "error" in answer:
        raise _error_kinds().get(answer["kind"], PipelineError)(answer["error"])
    return answer


@contextmanager
def _only_run(config: PipelineConfig) -> Iterator[None]:
    """Two runs would start from the same model, and the later one would judge by an old baseline.

    The child holds the lock: it may outlive a parent that was killed.
    """
    config.root.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        try:
            held.enter_context(exclusive(config.root / "lock", 0))
        except TimeoutError as error:
            raise PipelineError(f"another run is under way in {config.root}; wait for its end") from error
        yield


def format_error(error: IndustrialGuardError) -> dict[str, str]:
    """An error as a child writes it: in one line, and without what Beam adds to it.

    >>> format_error(PipelineError("no   disk [while running 'Write']"))
    {'error': 'no disk', 'kind': 'PipelineError'}
    """
    sentence = " ".join(_BEAM_SUFFIX.sub("", str(error)).split())
    return {"error": sentence, "kind": type(error).__name__}


def main(argv: Sequence[str]) -> int:
    """The child: do what the request says, and write how it ended."""
    asked, answered = map(Path, argv)
    request = json.loads(asked.read_text(encoding="utf-8"))
    code = 0
    try:
        answer = _act(request)
    except IndustrialGuardError as error:
        answer, code = format_error(error), error.exit_code
    answered.write_text(json.dumps(answer, default=str), encoding="utf-8")
    return code


def _act(request: Mapping[str, str]) -> dict[str, Any]:
    run = Run.prepare(PipelineConfig.from_json(request["config"]), datetime.now(UTC))
    with _only_run(run.config):
        return _act_alone(request, run)


def _act_alone(request: Mapping[str, str], run: Run) -> dict[str, Any]:
    from absl import logging as absl_logging

    import models.keras3  # noqa: F401  # before TFX wakes up TensorFlow: settles its environment
    from models.pipeline import compile_for_kubeflow, run_pipeline

    if request["act"] == "compile":
        compile_for_kubeflow(run, Path(request["path"]), request["image"])
        return {}
    absl_logging.get_absl_logger().addHandler(_STAGE_NAMES)
    absl_logging.set_verbosity(absl_logging.INFO)  # by its own way: it undoes the level of the logger
    return asdict(run_pipeline(run))


class _StageNames(logging.Handler):
    """Tells the parent which stage begins."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg == "Component %s is running." and record.args:
            sys.stdout.write(f"{_STAGE}{record.getMessage().split()[1]}\n")
            sys.stdout.flush()


_STAGE_NAMES = _StageNames()


def _watch(line: Sequence[str], log: Path, progress: Progress) -> str:
    """Run the child to its end; returns the last stage that began."""
    stage = ""
    with (
        log.open("w", encoding="utf-8") as errors,
        subprocess.Popen(line, stdout=subprocess.PIPE, stderr=errors, text=True) as child,
    ):
        try:
            for text in child.stdout or ():
                if text.startswith(_STAGE):
                    stage = text.removeprefix(_STAGE).strip()
                    progress(stage)
        except BaseException:  # whoever interrupts this process means the child, too
            child.kill()
            raise
    return stage


def _error_kinds() -> dict[str, type[IndustrialGuardError]]:
    kinds: dict[str, type[IndustrialGuardError]] = {}
    found: list[type[IndustrialGuardError]] = [IndustrialGuardError]
    while found:
        kind = found.pop()
        kinds[kind.__name__] = kind
        found += kind.__subclasses__()
    return kinds


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
