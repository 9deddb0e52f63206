"""Cut the small part of C-MAPSS that ships with the project out of the original tables.

Rule: engines are chosen by the rule below, never by how well a model does on them, and their lines stay byte
for byte.

    python -m tools.cut_cmapss_sample ../shared/data/cmapss simulators/data/cmapss
"""

import gzip
import sys
from pathlib import Path

SUBSET = "FD001"
TRAIN_STEP = 8
"""Training engines: every eighth."""
TEST_COUNT = 6
MIN_FLIGHTS = 60
MIN_REMAINING = 115
"""Test engines: the first six with at least 60 flights recorded and at least 115 left to fly."""


def main() -> int:
    """Write the three files of the sample; arguments: source folder, target folder."""
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    train = _read_engines(source / f"train_{SUBSET}.txt.gz")
    test = _read_engines(source / f"test_{SUBSET}.txt.gz")
    remaining = [int(line) for line in _read_lines(source / f"RUL_{SUBSET}.txt.gz")]
    young = [
        unit for unit in test if len(test[unit]) >= MIN_FLIGHTS and remaining[unit - 1] >= MIN_REMAINING
    ][:TEST_COUNT]
    _write(target / f"train_{SUBSET}.txt.gz", [x for u in train if u % TRAIN_STEP == 0 for x in train[u]])
    _write(target / f"test_{SUBSET}.txt.gz", [line for unit in young for line in test[unit]])
    _write(target / f"RUL_{SUBSET}.txt.gz", [str(remaining[unit - 1]) for unit in young])
    return 0


def _read_lines(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode("ascii").splitlines()


def _read_engines(path: Path) -> dict[int, list[str]]:
    engines: dict[int, list[str]] = {}
    for line in _read_lines(path):
        engines.setdefault(int(line.split()[0]), []).append(line)
    return engines


def _write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{line}\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode("ascii"), mtime=0))
    print(f"{path}: {len(lines)} lines, {path.stat().st_size} bytes")


if __name__ == "__main__":
    sys.exit(main())
