"""A release that crashes, hangs, eats memory or computes nonsense is refused, and the agent lives."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from contract.bundle import Bundle, format_bundle
from contract.profiles import format_profile
from edge_agent import self_test
from edge_agent.model_slot import release_of
from edge_agent.self_test import MEMORY_BYTES, ChildTest, Order, examine
from edge_agent.slot_rules import Failed, Passed
from edge_agent.slot_state import Reason
from edge_agent.tflite import ModelRunner
from tests.edge_agent.releases import renamed, shape_of, with_model
from tests.tflite_files import GraphBuilder, identity_model

INT8, INT32, FLOAT = schema.TensorType.INT8, schema.TensorType.INT32, schema.TensorType.FLOAT32


def run(folder: Path, machine: Bundle, bundle: Bundle, *command: str, longest_s: float = 60.0) -> object:
    path = folder / "a.igb"
    path.write_bytes(format_bundle(bundle))
    test = ChildTest(machine.profile, "cpu", longest_s=longest_s)
    if command:
        test = ChildTest(machine.profile, "cpu", command, longest_s)
    return test.run(path, release_of(bundle))


def order_for(bundle: Bundle, folder: Path) -> Order:
    path = folder / "a.igb"
    path.write_bytes(format_bundle(bundle))
    return Order(str(path), release_of(bundle), format_profile(bundle.profile), "cpu")


def reason_of(found: object) -> Reason:
    assert isinstance(found, Failed), found
    assert found.sentence and "\n" not in found.sentence
    return found.reason


def constant_model(shape: tuple[int, ...]) -> bytes:
    graph = GraphBuilder()
    source, result = graph.tensor(INT8, shape, 0.5), graph.tensor(INT8, shape, 0.5)
    most = graph.tensor(INT8, shape, 0.5, np.full(shape, 127, np.int8))
    graph.operate(schema.BuiltinOperator.MAXIMUM, [source, most], result)
    return graph.build(source, result)


def nan_model(shape: tuple[int, ...]) -> bytes:
    """Floats between int8 in and int8 out, with weights that are NaN."""
    graph = GraphBuilder()
    source, result = graph.tensor(INT8, shape, 0.5), graph.tensor(INT8, shape, 0.5)
    real, weighted = graph.tensor(FLOAT, shape), graph.tensor(FLOAT, shape)
    weights = graph.tensor(FLOAT, shape, data=np.full(shape, np.nan, np.float32))
    graph.operate(schema.BuiltinOperator.DEQUANTIZE, [source], real, version=2)
    graph.operate(schema.BuiltinOperator.ADD, [real, weights], weighted)
    graph.operators[-1].builtinOptionsType = schema.BuiltinOptions.AddOptions
    graph.operators[-1].builtinOptions = schema.AddOptionsT()
    graph.operate(schema.BuiltinOperator.QUANTIZE, [weighted], result)
    return graph.build(source, result)


def hungry_model(shape: tuple[int, ...], size: int) -> bytes:
    """The identity, by way of a tensor of so many bytes."""
    graph = GraphBuilder()
    wide = (1, size // (shape[2] * shape[3]), *shape[2:])
    source = graph.tensor(INT8, shape, 0.5)
    sizes = graph.tensor(INT32, (4,), data=np.array(wide, np.int32))
    spread, result = graph.tensor(INT8, wide, 0.5), graph.tensor(INT8, shape, 0.5)
    graph.operate(schema.BuiltinOperator.BROADCAST_TO, [source, sizes], spread, version=2)
    begin = graph.tensor(INT32, (4,), data=np.zeros(4, np.int32))
    length = graph.tensor(INT32, (4,), data=np.array(shape, np.int32))
    graph.operate(schema.BuiltinOperator.SLICE, [spread, begin, length], result, version=2)
    return graph.build(source, result)


def test_a_good_bundle_passes(bundle: Bundle, tmp_path: Path) -> None:
    assert run(tmp_path, bundle, bundle) == Passed()


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("import os; os.kill(os.getpid(), 11)", "ended by SIGSEGV"),
        ("import os; os.abort()", "ended by SIGABRT"),
        ("import os; os._exit(3)", "code 3 and no answer"),
        ("print('[]')", "no answer"),
    ],
    ids=["segfault", "abort", "exit", "nonsense"],
)
def test_a_process_that_dies_is_a_refusal(bundle: Bundle, tmp_path: Path, program: str, says: str) -> None:
    found = run(tmp_path, bundle, bundle, sys.executable, "-c", program)
    assert reason_of(found) is Reason.CRASHED
    assert isinstance(found, Failed) and says in found.sentence


def test_a_process_that_hangs_is_ended(bundle: Bundle, tmp_path: Path) -> None:
    hang = "import signal; signal.pause()"
    found = run(tmp_path, bundle, bundle, sys.executable, "-c", hang, longest_s=0.2)
    assert reason_of(found) is Reason.CRASHED


def test_a_stopped_test_starts_nothing_more(bundle: Bundle, tmp_path: Path) -> None:
    test = ChildTest(bundle.profile, "cpu")
    test.stop()
    assert reason_of(test.run(tmp_path / "a.igb", release_of(bundle))) is Reason.CANCELLED


def test_bytes_that_were_not_signed_are_not_run(bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "a.igb"
    path.write_bytes(format_bundle(bundle)[:-1] + b"x")
    found = ChildTest(bundle.profile, "cpu").run(path, release_of(bundle))
    assert reason_of(found) is Reason.DAMAGED


def test_other_golden_outputs_are_a_refusal(bundle: Bundle, tmp_path: Path) -> None:
    off = (bundle.golden_output ^ 64).astype(np.int8)
    found = run(tmp_path, bundle, dataclasses.replace(bundle, golden_output=off))
    assert reason_of(found) is Reason.SELF_TEST


def test_a_model_of_another_shape_is_a_refusal(bundle: Bundle, tmp_path: Path) -> None:
    other = dataclasses.replace(bundle, model=identity_model((1, 1, 4, 3)))
    assert reason_of(run(tmp_path, bundle, other)) is Reason.SELF_TEST


def test_a_profile_that_measures_otherwise_is_a_refusal(bundle: Bundle, tmp_path: Path) -> None:
    profile = dataclasses.replace(bundle.profile, summary_interval_s=8.0)
    found = run(tmp_path, bundle, dataclasses.replace(bundle, profile=profile))
    assert reason_of(found) is Reason.PROFILE


def test_another_alarm_rule_is_none(bundle: Bundle, tmp_path: Path) -> None:
    profile = dataclasses.replace(
        bundle.profile, version=4, alarm=dataclasses.replace(bundle.profile.alarm, k=2)
    )
    manifest = dataclasses.replace(bundle.manifest, profile_version=4)
    other = dataclasses.replace(bundle, profile=profile, manifest=manifest)
    assert run(tmp_path, bundle, other) == Passed()


def test_a_bundle_for_another_machine_than_was_said_is_a_refusal(bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "a.igb"
    path.write_bytes(format_bundle(bundle))
    release = dataclasses.replace(release_of(bundle), family="fan")
    assert reason_of(ChildTest(bundle.profile, "cpu").run(path, release)) is Reason.BUNDLE


def test_no_bundle_at_all_is_a_refusal(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "a.igb").write_bytes(b"nonsense")
    release = dataclasses.replace(
        release_of(bundle),
        length=8,
        sha256="ac43cc6c3ff84c1d2aba3b4dfa5f9ee6d9c1a3e54d6d1e2b1a7ae3a6ba6c8f38",
    )
    found = ChildTest(bundle.profile, "cpu").run(tmp_path / "a.igb", release)
    assert reason_of(found) is Reason.DAMAGED


def test_answers_that_are_no_numbers_are_a_refusal(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ModelRunner, "reconstruct", lambda _, window: window * np.nan)
    assert reason_of(examine(order_for(bundle, tmp_path))) is Reason.NOT_A_NUMBER


def test_weights_that_are_no_numbers_are_a_refusal(bundle: Bundle, tmp_path: Path) -> None:
    spoiled = with_model(bundle, "nan", nan_model(shape_of(bundle)))
    assert reason_of(run(tmp_path, bundle, spoiled)) is Reason.CONSTANT, "it reproduces its golden outputs"


def test_the_same_answer_to_everything_is_a_refusal(bundle: Bundle, tmp_path: Path) -> None:
    dead = with_model(bundle, "dead", constant_model(shape_of(bundle)))
    assert reason_of(run(tmp_path, bundle, dead)) is Reason.CONSTANT


def test_a_model_that_eats_memory_is_a_refusal(bundle: Bundle, tmp_path: Path) -> None:
    shape = shape_of(bundle)
    modest = with_model(bundle, "modest", hungry_model(shape, 64 * 1024))
    assert run(tmp_path, bundle, modest) == Passed()
    hungry = dataclasses.replace(
        renamed(bundle, "hungry"),
        model=hungry_model(shape, 3 * MEMORY_BYTES // 2),
        golden_output=bundle.golden_input,
    )
    assert reason_of(run(tmp_path, bundle, hungry)) is Reason.MEMORY
    greedy = dataclasses.replace(hungry, model=hungry_model(shape, 16 * MEMORY_BYTES))
    refused = reason_of(run(tmp_path, bundle, greedy))
    assert refused in (Reason.CRASHED, Reason.SELF_TEST), "the system gave it no more"


def test_a_model_that_is_too_slow_is_a_refusal(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_test, "SLOW_SHARE", 0.0)
    monkeypatch.setattr(self_test, "MEMORY_BYTES", 1024**4)
    assert reason_of(examine(order_for(bundle, tmp_path))) is Reason.SLOW
