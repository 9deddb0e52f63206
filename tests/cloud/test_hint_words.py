"""Hints in words: what it looks like, because of what, and what to check."""

from __future__ import annotations

import doctest

import pytest

from cloud import hint_words, titles, words
from cloud.alerts import MACHINE, AlertKind, Subject
from cloud.titles import Reasons, title_words
from contract.explanation import Hint, HintCode, HintFact, HintStrength
from contract.messages import Contribution
from contract.profiles import load_profile
from contract.signals import QualityFlag

PUMP = load_profile("pump")
ENVELOPE = HintFact("vib_h_env_bpfo", "vib_h", "1", 8.0, 1.0, 5.9, 176.4)
LINE = HintFact("line_2x", "vib_v", "mm/s", 1.6, 0.32, frequency_hz=98.4)
HEAT = HintFact("temperature_level", "temperature", "Cel", 71.25, 60.0, 6.6)
SPIKY = Contribution("vib_h_kurtosis", "vib_h", 0.9, 6.0)


@pytest.mark.parametrize("module", [hint_words, titles])
def test_examples_in_the_docstrings_hold(module: object) -> None:
    results = doctest.testmod(module)  # type: ignore[arg-type]
    assert results.attempted > 0 and results.failed == 0


def hint(code: str = HintCode.MISALIGNMENT, strength: HintStrength = HintStrength.MODERATE) -> Hint:
    return Hint(code, strength, (LINE,))


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        (
            ENVELOPE,
            "Vibration, horizontal: the envelope at the frequency of the outer race (176.4 Hz) "
            "is 9 dB above normal (5.9 σ)",
        ),
        (
            LINE,
            "Vibration, vertical: the line at twice the shaft speed (98.4 Hz) is 14 dB above normal: "
            "1.6 mm/s, normally 0.32 mm/s",
        ),
        (HEAT, "Temperature, bearing housing: level 71.2 °C, normally 60 °C, 6.6 σ above normal"),
    ],
)
def test_facts_are_said_with_numbers_and_units(fact: HintFact, said: str) -> None:
    assert hint_words.fact_words(fact, PUMP) == said


def test_facts_of_nothing_need_no_logarithm() -> None:
    zero = HintFact("line_1x", "vib_h", "mm/s", 1.0, 0.0)
    assert "far from normal" in hint_words.fact_words(zero, None)


@pytest.mark.parametrize("code", list(HintCode))
def test_every_code_has_a_cause_and_a_check_and_no_certainty(code: HintCode) -> None:
    said = hint_words.hint_words(hint(code), PUMP)
    assert said.looks_like and said.check and "_" not in said.looks_like + said.check
    assert said.strength in {"weak", "moderate", "strong"}
    assert not {"certain", "definitely", "is broken"} & set(said.check.split())


def test_a_code_of_a_newer_device_is_readable() -> None:
    said = hint_words.hint_words(hint("gear_tooth"), None)
    assert (said.looks_like, said.check) == ("gear tooth", "")


def test_a_title_says_first_what_it_is_about() -> None:
    reasons = Reasons((SPIKY,), (), ("stuck", "gap"))
    symptom = words.alert_words(reasons.contributions, PUMP)
    assert title_words(MACHINE, reasons, PUMP) == symptom
    assert (
        title_words(Subject(AlertKind.DRIFT), reasons, PUMP)
        == f"Slow drift: {symptom[0].lower()}{symptom[1:]}"
    )
    fault = Subject(AlertKind.SENSOR_FAULT, "vib_h")
    stuck = "Sensor fault: Vibration, horizontal: stuck at one value, gaps"
    assert title_words(fault, reasons, PUMP) == stuck
    assert title_words(fault, Reasons(), PUMP) == "Sensor fault: Vibration, horizontal: not believed"


def test_only_a_hint_with_something_behind_it_makes_the_title() -> None:
    weak = Reasons((SPIKY,), (hint(strength=HintStrength.WEAK),))
    assert title_words(MACHINE, weak, PUMP) == words.alert_words((SPIKY,), PUMP)
    moderate = Reasons((SPIKY,), (hint(),))
    assert title_words(MACHINE, moderate, PUMP) == "Looks like misalignment"


def test_flags_have_names() -> None:
    assert words.flag_names(0) == ()
    assert words.flag_names(int(QualityFlag.STUCK | QualityFlag.MISSING)) == ("stuck", "missing")


def test_every_kind_has_words() -> None:
    assert set(words.KINDS) == set(AlertKind)
    assert len({word.label for word in words.KINDS.values()}) == 3
