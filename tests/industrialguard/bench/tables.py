"""Small tables in SKAB's format: a healthy machine that one labelled event disturbs."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from models.recordings.skab import SENSOR_OF_COLUMN

START_S = 1_583_748_873.0
TRAIN_ROWS = 400


def write_table(
    path: Path, rows: int = 700, seed: int = 1, event: tuple[int, int] | None = (500, 600)
) -> None:
    """Write one file; flow drops and the current rises during the event. event None: no label columns."""
    random = np.random.default_rng(seed)
    count = len(SENSOR_OF_COLUMN)
    values = random.normal(size=(rows, count)) * 0.5 + np.array(
        [0.03, 0.04, 1.3, 0.3, 79.0, 26.0, 230.0, 32.0]
    )
    if event is not None:
        values[event[0] : event[1], [2, 7]] += [4.0, -6.0]
    path.parent.mkdir(parents=True, exist_ok=True)
    header = ["datetime", *SENSOR_OF_COLUMN, *(["anomaly", "changepoint"] if event else [])]
    lines = [";".join(header)]
    for row in range(rows):
        stamp = datetime.fromtimestamp(START_S + row, UTC).strftime("%Y-%m-%d %H:%M:%S")
        label = [str(float(event[0] <= row < event[1])), "0.0"] if event else []
        lines.append(";".join([stamp, *(f"{value:.5f}" for value in values[row]), *label]))
    path.write_text("\n".join(lines) + "\n")


def write_folder(folder: Path) -> Path:
    """Two labelled files in nested folders, one healthy and one that is too short."""
    write_table(folder / "valve1" / "0.csv", seed=1)
    write_table(folder / "other" / "7.csv", seed=2, event=(450, 520))
    write_table(folder / "anomaly-free.csv", rows=450, seed=3, event=None)
    write_table(folder / "short.csv", rows=300, seed=4, event=(200, 250))
    return folder
