"""How a person starts the pipeline, whatever it trains: the common options, and what is said while it runs.

Rule: TFX is never loaded in this process; the pipeline runs in one of its own (`models.pipeline_process`).
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from pathlib import Path
from typing import Any

from contract.errors import ConfigError
from models.pipeline_config import Outcome, PipelineConfig
from models.pipeline_process import compile_in_child, run_in_child

NOT_BLESSED = 5
"""Exit code of a run whose model was judged and not blessed."""


def require_tfx() -> None:
    """Refuse to go on without TFX.

    Raises:
        ConfigError: it is not installed; says how it is.
    """
    if importlib.util.find_spec("tfx") is None:
        how = "pip install 'industrialguard[pipeline]'"
        raise ConfigError(f"the training pipeline needs the extra 'pipeline'; install it with: {how}")


def add_start_options(parser: Any) -> None:
    """Options of a person who starts a run; a parser or a group of one takes them."""
    parser.add_argument(
        "--reason", default="a person asked for it", metavar="TEXT", help="why, for the history"
    )
    parser.add_argument(
        "--compile", type=Path, metavar="FILE", help="write the graph for Kubeflow (JSON) and run nothing"
    )
    parser.add_argument("--image", default="industrialguard", metavar="IMAGE", help="container for --compile")


def add_beam_option(parser: Any) -> None:
    """The option that says where Beam works; a parser or a group of one takes it."""
    parser.add_argument(
        "--beam",
        action="append",
        default=[],
        metavar="OPTION",
        help="an option of Apache Beam, as --beam=--runner=…",
    )


def compile_or_run(config: PipelineConfig, arguments: argparse.Namespace) -> Outcome | None:
    """Do what `add_start_options` understood, and say how it went.

    Returns:
        None where the graph was only written.

    Raises:
        IndustrialGuardError: a stage refused, in one sentence.
    """
    if arguments.compile is not None:
        compile_in_child(config, arguments.compile, arguments.image)
        print(f"wrote {arguments.compile}")
        return None
    started = time.monotonic()
    outcome = run_in_child(
        config, lambda stage: print(f"  {time.monotonic() - started:6.1f} s  {stage}", flush=True)
    )
    print(format_outcome(outcome))
    return outcome


def format_outcome(outcome: Outcome) -> str:
    """How a run ended, in a few lines."""
    lines = [
        f"{outcome.version} is in charge" if outcome.is_blessed else f"{outcome.version} was not blessed"
    ]
    lines += [f"  {reason}" for reason in outcome.refused_because]
    return "\n".join([*lines, f"  model card: {outcome.card}"])
