"""The float32 twin of an int8 student, to measure beside it: the same layers with untrained weights.

    python -m models.float_twin CONTEXT FEATURES FILE [CONTEXT FEATURES FILE …]

Rule: a program of its own, so that whoever measures never has TensorFlow in its process. A network's time and
size depend on its shape; weights make no difference.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path


def main(argv: Sequence[str]) -> int:
    """Write one file for each shape; returns the exit code."""
    if not argv or len(argv) % 3:
        print("usage: python -m models.float_twin CONTEXT FEATURES FILE …", file=sys.stderr)
        return 2
    from models.anomaly import AutoencoderConfig, build_model
    from models.quantize import convert_float

    for context, features, path in zip(argv[::3], argv[1::3], argv[2::3], strict=True):
        config = AutoencoderConfig.student(int(context), int(features))
        Path(path).write_bytes(convert_float(build_model(config)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
