"""Generate the protobuf code of contract/proto, or check that what is committed is what would be generated.

Rule: `*_pb2.py` and `*_pb2.pyi` are never edited; the `.proto` beside them is the source.

Usage: python tools/generate_proto.py [--check]
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

PROTO_FOLDER = Path(__file__).resolve().parent.parent / "contract" / "proto"
GENERATED = "*_pb2.py*"


def main(argv: Sequence[str] | None = None) -> int:
    """Write the generated files, or with `--check` compare them.

    Returns:
        0 when the files are written or up to date, 1 when `--check` found a difference or the compiler
        refused a file (it says why).
    """
    parser = argparse.ArgumentParser(description="Generate the protobuf code of contract/proto.")
    parser.add_argument(
        "--check", action="store_true", help="compare only; exit 1 when a file is out of date"
    )
    check = parser.parse_args(argv).check
    with tempfile.TemporaryDirectory() as scratch:
        generated = generate(Path(scratch))
    if generated is None:
        return 1
    if check:
        return report(find_stale(generated, PROTO_FOLDER))
    for name, content in generated.items():
        (PROTO_FOLDER / name).write_bytes(content)
    return 0


def generate(scratch: Path) -> dict[str, bytes] | None:
    """Compile every `.proto` of the project.

    Args:
        scratch: An empty folder to compile into.

    Returns:
        The generated files' contents by name, or None when the compiler refused a file.
    """
    from grpc_tools import protoc

    arguments = ["protoc", f"--proto_path={PROTO_FOLDER}", f"--python_out={scratch}", f"--pyi_out={scratch}"]
    sources = sorted(str(path) for path in PROTO_FOLDER.glob("*.proto"))
    if protoc.main([*arguments, *sources]) != 0:
        return None
    return {path.name: path.read_bytes() for path in scratch.glob(GENERATED)}


def find_stale(generated: dict[str, bytes], folder: Path) -> list[str]:
    """List the files of a folder that differ from what was generated, are missing, or lost their `.proto`."""
    committed = {path.name: path.read_bytes() for path in folder.glob(GENERATED)}
    return sorted(
        name for name in generated.keys() | committed.keys() if generated.get(name) != committed.get(name)
    )


def report(stale: Sequence[str]) -> int:
    """Say which files are out of date and what to do; return the exit code."""
    for name in stale:
        print(
            f"contract/proto/{name} is out of date: run `make proto` and commit the result", file=sys.stderr
        )
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
