"""The road from contexts to a file, walked once more: every stage of it must be repeatable."""

import numpy as np
import pytest

from models.parity import DeviceModel
from models.quantize import convert_aware
from models.student import learn_student
from tests.models.networks import CONFIG, HELD_OUT, LENGTH, TRAINING, WIDTH, student, teacher, tuned


@pytest.mark.slow
@pytest.mark.long
def test_the_same_seed_gives_the_same_file_as_its_stages_do_and_says_little(
    capfd: pytest.CaptureFixture[str],
) -> None:
    expected = convert_aware(tuned().model)
    capfd.readouterr()
    learned = learn_student(TRAINING, HELD_OUT, CONFIG)
    out, err = capfd.readouterr()
    assert learned.int8 == expected
    assert (learned.teacher_error, learned.error) == (teacher().error, tuned().error)
    assert learned.epochs == (teacher().epochs, student().epochs, tuned().epochs)
    assert learned.epochs[0] <= CONFIG.epochs and learned.epochs[2] <= CONFIG.tuning_epochs
    device = DeviceModel(learned.int8)
    assert (device.shape, device.dtypes) == ((1, 1, LENGTH, WIDTH), (np.int8, np.int8))
    assert out == ""
    stages = ("training: round", "distilling: round", "tuning to int8: round")
    assert all(line.startswith(stages) for line in err.splitlines())
