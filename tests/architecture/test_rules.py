"""Each rule finds what it is for: a rule that can find nothing would hold for ever."""

from collections.abc import Callable
from pathlib import Path
from textwrap import indent

import pytest

from tests.architecture import rules
from tests.architecture.source_tree import SourceFile, parse

Make = Callable[..., SourceFile]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Parse a text as if it were the file of that name."""

    def build(text: str, name: str = "cloud/sample.py") -> SourceFile:
        path = tmp_path / "sample.py"
        path.write_text(text)
        return parse(path, name)

    return build


@pytest.mark.parametrize(
    ("line", "place", "is_wrong"),
    [
        ("import paho.mqtt.client", "edge_agent/uplink.py", True),
        ("import paho.mqtt.client", "edge_agent/mqtt.py", False),
        ("from paho.mqtt import client", "cloud/ingest.py", True),
        ("def run():\n    import tensorflow as tf", "cloud/rul.py", True),
        ("import tensorflow as tf", "models/anomaly.py", False),
        ("from sqlmodel import Session", "cloud/store/tables.py", False),
        ("from sqlmodel import Session", "cloud/api/machines.py", True),
        ("from contract.proto import industrialguard_pb2", "contract/codec.py", False),
        ("from contract.proto import industrialguard_pb2", "cloud/ingest.py", True),
        ("from contract.proto.industrialguard_pb2 import Envelope", "edge_agent/agent.py", True),
        ("import pahology", "cloud/ingest.py", False),
        ("from . import paho", "cloud/ingest.py", False),
    ],
)
def test_strangers(make: Make, line: str, place: str, is_wrong: bool) -> None:
    assert bool(rules.find_strangers(make(line, place))) is is_wrong


@pytest.mark.parametrize(
    ("line", "is_wrong"),
    [
        ("import json", False),
        ("import numpy.typing as npt", False),
        ("from google.protobuf.message import DecodeError", False),
        ("from contract.errors import ConfigError", False),
        ("from google.cloud import storage", True),
        ("import pydantic", True),
        ("from ota import keys", True),
    ],
)
def test_contract_imports(make: Make, line: str, is_wrong: bool) -> None:
    assert bool(rules.find_contract_imports(make(line, "contract/x.py"))) is is_wrong


def test_a_function_of_sixty_lines_passes_and_one_more_does_not(make: Make) -> None:
    def text(n_lines: int) -> str:
        return "def f():\n" + "    x = 1\n" * (n_lines - 1)

    assert rules.find_long_functions(make(text(60))) == []
    assert rules.find_long_functions(make(text(61))) == ["cloud/sample.py:1: f has 61 lines"]


def test_long_methods_and_inner_functions_are_seen(make: Make) -> None:
    body = "        x = 1\n" * 60
    found = rules.find_long_functions(make(f"class A:\n    def f(self):\n{body}\n"))
    assert found == ["cloud/sample.py:2: A.f has 61 lines"]
    found = rules.find_long_functions(make(f"def outer():\n    async def inner():\n{body}\n"))
    assert [line.split(": ")[1].split()[0] for line in found] == ["outer", "outer.inner"]


@pytest.mark.parametrize(
    ("signature", "n_parameters"),
    [
        ("def f(a, b, /, c, *, d, e, g): ...", 6),
        ("def f(a, b, c, d, e, *rest, **more): ...", 7),
        ("class A:\n    def f(self, a, b, c, d, e, g): ...", 6),
        ("class A:\n    @staticmethod\n    def f(a, b, c, d, e, g, h): ...", 7),
        ("def outer():\n    def f(self, a, b, c, d, e, g): ...", 7),
    ],
)
def test_parameters_are_counted_as_a_caller_sees_them(make: Make, signature: str, n_parameters: int) -> None:
    found = rules.find_wide_functions(make(signature))
    assert bool(found) is (n_parameters > rules.MAX_PARAMETERS)
    assert all(f"takes {n_parameters} parameters" in line for line in found)


def test_endpoints_may_take_two_more(make: Make) -> None:
    eight = "def f(a, b, c, d, e, g, h, i): ..."
    assert rules.find_wide_functions(make(eight, "cloud/api/machines.py")) == []
    assert rules.find_wide_functions(make(eight, "cloud/ingest.py")) != []


def test_a_file_of_four_hundred_lines_passes_and_one_more_does_not(make: Make) -> None:
    assert rules.find_long_file(make("x = 1\n" * 400)) == []
    assert rules.find_long_file(make("x = 1\n" * 401)) == ["cloud/sample.py:1: has 401 lines"]


@pytest.mark.parametrize("kind", ["", " Exception", " BaseException as e", " (ValueError, Exception)"])
def test_swallowing_is_found_wherever_it_stands(make: Make, kind: str) -> None:
    clause = f"try:\n    x()\nexcept{kind}:\n    pass\n"
    in_loop = "for y in z:\n" + indent(clause, "    ")
    assert len(rules.find_swallowing(make(clause))) == 1
    assert len(rules.find_swallowing(make(in_loop))) == 1
    assert rules.find_swallowing(make("def f():\n" + indent(in_loop, "    "))) == [
        "cloud/sample.py:5: f catches everything and goes on"
    ]


def test_narrow_and_re_raising_excepts_are_fine(make: Make) -> None:
    assert rules.find_swallowing(make("try:\n    x()\nexcept (OSError, ValueError):\n    pass\n")) == []
    assert rules.find_swallowing(make("try:\n    x()\nexcept BaseException:\n    undo()\n    raise\n")) == []


def test_a_named_supervisor_may_go_on(make: Make) -> None:
    clause = "try:\n    x()\nexcept Exception:\n    log()\n"
    source = make("class A:\n    def run(self):\n" + indent(clause, " " * 8))
    assert rules.find_swallowing(source) != []
    assert rules.find_swallowing(source, {"cloud/sample.py:A.run": "outlives its work"}) == []


def test_missing_docstrings_are_found_and_private_names_are_not(make: Make) -> None:
    source = make(
        "def f(): ...\n"
        "def _g(): ...\n"
        "class A:\n    def m(self): ...\n    def __len__(self): ...\n"
        "    @value.setter\n    def value(self, new): ...\n"
        "class _B:\n    def m(self): ...\n"
    )
    found = [line.partition(": ")[2] for line in rules.find_undocumented(source)]
    assert found == [
        "the module has no docstring",
        "f has no docstring",
        "A has no docstring",
        "A.m has no docstring",
    ]
