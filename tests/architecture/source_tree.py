"""The project's own Python files, parsed once, for the rules that are read off the syntax tree."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.conftest import PROJECT_ROOT

PACKAGES = ("contract", "ota", "edge_agent", "cloud", "models", "simulators", "industrialguard")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class SourceFile:
    """One parsed file.

    Attributes:
        path: Relative to the project's root, with forward slashes.
        tree: Its syntax tree.
        n_lines: Lines, comments and blanks included.
    """

    path: str
    tree: ast.Module
    n_lines: int

    def imports(self) -> Iterator[tuple[int, str]]:
        """Yield line and dotted name of everything imported, at any depth; relative imports are left out."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield node.lineno, alias.name
            elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
                for alias in node.names:
                    yield node.lineno, f"{node.module}.{alias.name}"

    def functions(self) -> Iterator[tuple[str, Function, bool]]:
        """Yield qualified name, node and whether it is a method, of every function at any depth."""
        yield from _functions(self.tree, "", in_class=False)


def _functions(node: ast.AST, prefix: str, *, in_class: bool) -> Iterator[tuple[str, Function, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + child.name, child, in_class
            yield from _functions(child, f"{prefix}{child.name}.", in_class=False)
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.", in_class=True)
        else:
            yield from _functions(child, prefix, in_class=in_class)


@cache
def project_files() -> tuple[str, ...]:
    """List every file of the project: what git tracks or would track; outside git, all but builds."""
    done = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        names = [name for name in done.stdout.split("\0") if name and (PROJECT_ROOT / name).is_file()]
    else:
        names = [path.relative_to(PROJECT_ROOT).as_posix() for path in _walk(PROJECT_ROOT)]
    return tuple(sorted(set(names)))


@cache
def source_files(*folders: str) -> tuple[SourceFile, ...]:
    """Parse the hand-written Python files under these folders; all packages when none is named."""
    roots = tuple(f"{folder}/" for folder in (folders or PACKAGES))
    return tuple(
        parse(PROJECT_ROOT / name, name)
        for name in project_files()
        if name.startswith(roots) and name.endswith(".py") and not name.endswith("_pb2.py")
    )


def parse(path: Path, name: str) -> SourceFile:
    """Parse one file; `name` is what findings call it."""
    text = path.read_text(encoding="utf-8")
    return SourceFile(name, ast.parse(text, filename=name), len(text.splitlines()))


def _walk(folder: Path) -> Iterator[Path]:
    skipped = {".git", ".venv", ".uv", "build", "dist", "run", "out", "__pycache__"}
    for path in folder.iterdir():
        if path.is_dir() and path.name not in skipped and not path.name.endswith("_cache"):
            yield from _walk(path)
        elif path.is_file():
            yield path
