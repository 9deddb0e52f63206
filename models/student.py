"""The network that ships: taught by a wide one, then tuned to int8.

Rule: one way from contexts to a file. What each step is worth is measured by `models.variants`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from models.anomaly import AutoencoderConfig
from models.aware import tune_to_int8
from models.config import FitConfig
from models.dataset import Contexts
from models.distill import distill
from models.fit import fit
from models.quantize import convert_aware


@dataclass(frozen=True, slots=True)
class Student:
    """A file for a device and how it came about."""

    int8: bytes = field(repr=False)
    """TFLite; int8 (1, 1, T, F) in and out."""
    teacher_error: float
    """Mean squared error on the held-out machines, in squared spreads."""
    error: float
    """The same of the student, rounded to int8."""
    epochs: tuple[int, int, int]
    """Rounds of teacher, student and tuning."""


def learn_student(training: Sequence[Contexts], held_out: Sequence[Contexts], config: FitConfig) -> Student:
    """Teach a student on machines of one kind; others say when to stop."""
    teacher = fit(training, held_out, config, AutoencoderConfig.teacher)
    student = distill(teacher.model, training, held_out, config)
    tuned = tune_to_int8(teacher.model, student.model, training, held_out, config)
    epochs = (teacher.epochs, student.epochs, tuned.epochs)
    return Student(convert_aware(tuned.model), teacher.error, tuned.error, epochs)
