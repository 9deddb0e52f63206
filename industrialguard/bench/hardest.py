"""The table that a contender did worst on, as a picture: nobody is shown the best day.

Rule: asked after the contender was judged; it is scored as it stands then.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from industrialguard.bench.row_protocol import Detector, LabelledTable, judge
from models.baselines import Standardiser
from models.point_metrics import auc_roc


def draw_hardest(path: Path, detector: Detector, files: Sequence[LabelledTable]) -> str:
    """Draw the table on which a trained contender separates worst; returns the table's name.

    Raises:
        ConfigError: the picture cannot be written.
    """
    from models.curves import Curves, draw_curves  # loads matplotlib, which only pictures need

    judged = [(file, judge(detector, file)) for file in files]
    both = [(f, r) for f, r in judged if 0 < np.count_nonzero(r.labels) < len(r.labels)]
    file, rows = min(both, key=lambda pair: auc_roc(pair[1].labels, pair[1].scores))
    table = file.table
    scaler = Standardiser()
    scaler.fit(table.values[: table.train_rows])
    title = f"{table.name}: {detector.name}; learned from what lies left of the line"
    z = scaler.apply(table.values)
    draw_curves(path, Curves(title, table.stamps_s, table.sensors, z, file.labels, rows))
    return table.name
