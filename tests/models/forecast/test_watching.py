"""Whoever waits sees one count over all encoders, and its end."""

import math
from dataclasses import replace

import pytest

from contract.lives import End
from models.forecast.fit import FitSpec
from models.forecast.train import TrainSpec
from models.forecast.watching import watch_training
from tests.models.forecast.lives import fleet


@pytest.mark.parametrize(("machines", "encoders"), [(20, 5), (6, 3)])
def test_all_encoders_are_one_count(machines: int, encoders: int, capsys: pytest.CaptureFixture[str]) -> None:
    watch = watch_training("pump", fleet(machines), TrainSpec(n_folds=5, fit=FitSpec(epochs=4)))
    for member in range(encoders):
        for epoch in range(1, 5):
            watch(member, epoch, 0.25)
    last = capsys.readouterr().err.splitlines()[-1]
    total = encoders * 4
    assert last.split("  ") == [f"pump {total}/{total}", "loss left out 0.2500"]


def test_epochs_of_pre_training_count_too(capsys: pytest.CaptureFixture[str]) -> None:
    lives = [replace(life, end=End.RUNNING) for life in fleet(6)]
    watch = watch_training("pump", lives, TrainSpec(n_folds=2, fit=FitSpec(epochs=3), pretrain_below=0.5))
    for loss in (math.nan, 0.25):
        for member in range(2):
            for epoch in range(1, 4):
                watch(member, epoch, loss)
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.split("  ") == ["pump 12/12", "loss left out 0.2500"]
