"""Small tables in C-MAPSS' and PRONOSTIA's formats, of machines that wear in a known way."""

import gzip
from pathlib import Path

import numpy as np


def engine(unit: int, length: int, *, seed: int = 0) -> list[str]:
    """Rows of one engine: sensor 2 rises with wear, under two clear conditions; 26 columns."""
    random = np.random.default_rng([seed, unit])
    rows = []
    for cycle in range(1, length + 1):
        condition = int(random.integers(2))
        worn = (cycle / length) ** 2
        sensors = [500.0 + 50 * condition, 600 + 30 * condition + 10 * worn + random.normal(0, 0.5)]
        sensors += [float(number) for number in range(19)]
        settings = [20.0 * condition + random.normal(0, 0.01), 0.5, 100.0]
        rows.append(f"{unit} {cycle} " + " ".join(f"{value:.4f}" for value in (*settings, *sensors)))
    return rows


def write_subset(folder: Path, name: str, n_train: int = 8, n_test: int = 5, *, packed: bool = False) -> None:
    """`train_`, `test_` and `RUL_` of one subset; the first test engine has three cycles only."""
    train = [line for unit in range(1, n_train + 1) for line in engine(unit, 60 + 12 * unit)]
    test, left = [], []
    for unit in range(1, n_test + 1):
        length, cut = 60 + 20 * unit, 3 if unit == 1 else 30 + 20 * unit
        test += engine(unit, length, seed=1)[:cut]
        left.append(str(length - cut))
    for part, lines in (("train", train), ("test", test), ("RUL", left)):
        text = "\n".join(lines) + "\n"
        if packed:
            (folder / f"{part}_{name}.txt.gz").write_bytes(gzip.compress(text.encode()))
        else:
            (folder / f"{part}_{name}.txt").write_text(text)


def write_bearings(folder: Path, lengths: tuple[int, ...] = (120, 160, 240)) -> Path:
    """A table of features in which `h_rms` grows to the same level at each bearing's end."""
    features = (
        "rms",
        "peak",
        "p2p",
        "skew",
        "kurt",
        "crest",
        "centroid",
        "b0_1k",
        "b1_3k",
        "b3_6k",
        "b6_12k",
    )
    names = [f"{axis}_{feature}" for axis in ("h", "v") for feature in features]
    lines = [",".join(["set,bearing,condition,rpm,load_n,snapshot,t_s,rul_s,temp_c", *names])]
    for number, length in enumerate(lengths):
        for row in range(length):
            values = ["1.0"] * len(names)
            values[0] = f"{8 ** (row / (length - 1)):.5f}"
            start = ["Learning_set", f"Bearing1_{number + 1}", "1", "1800", "4000", str(row + 1)]
            times = [str(10 * row), str(10 * (length - 1 - row)), "70.0"]
            lines.append(",".join([*start, *times, *values]))
    path = folder / "features_learning_set.csv"
    path.write_text("\n".join(lines) + "\n")
    return path
