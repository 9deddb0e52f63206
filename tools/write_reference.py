"""Writes docs/reference.md from the code: settings, topics, messages and errors with their own docstrings.

Rule: nothing in the reference is typed by hand, so it cannot lag behind; `--check` says whether it does.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference.md"

SETTINGS = (
    ("The agent", "edge_agent/settings.py"),
    ("The cloud", "cloud/settings.py"),
    ("The broker", "contract/broker_address.py"),
    ("API and page", "cloud/api/settings.py"),
    ("The repository of releases", "ota/roles.py"),
)
VALUES = (
    ("Profiles", "contract/profiles.py"),
    ("Sensors", "contract/signals.py"),
    ("Messages", "contract/messages.py"),
    ("Features and sensors in a summary", "contract/aggregates.py"),
    ("Bundles", "contract/bundle.py"),
    ("Assignments", "ota/assignment.py"),
)
PACKAGES = ("contract", "ota", "edge_agent", "cloud", "models", "simulators", "industrialguard")
HEADER = """\
# Reference

Written by `make reference` from the code; change the docstrings there, not this page. Commands and their
options: `industrialguard --help` and `industrialguard COMMAND --help`. The API describes itself in the
`/openapi.json` of a running cloud.
"""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a class."""

    name: str
    kind: str
    default: str
    text: str


def main(argv: Sequence[str] | None = None) -> int:
    """Write the reference, or compare it with `--check`; returns 1 when it is out of date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the file is up to date")
    arguments = parser.parse_args(argv)
    text = build_reference()
    if not arguments.check:
        REFERENCE.write_text(text, "utf-8")
        return 0
    if REFERENCE.exists() and REFERENCE.read_text("utf-8") == text:
        return 0
    print("docs/reference.md is out of date; run `make reference` and commit it", file=sys.stderr)
    return 1


def build_reference() -> str:
    """The whole page."""
    parts = [HEADER]
    for title, path in (*SETTINGS, *VALUES):
        parts.append(f"## {title}\n")
        parts += [_class_table(node) for node in _classes(path) if _is_value(node)]
    parts.append(f"## Topics\n\n{_docstring(_module('contract/topics.py'))}\n")
    parts.append("## Errors\n\n| error | kind of | meaning |\n|---|---|---|")
    parts += [
        _error_row(node) for path in _sources() for node in _classes(path) if node.name.endswith("Error")
    ]
    return "\n".join(parts) + "\n"


def _module(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text("utf-8"))


def _sources() -> list[str]:
    return [str(f.relative_to(ROOT)) for package in PACKAGES for f in sorted((ROOT / package).rglob("*.py"))]


def _classes(path: str) -> Iterator[ast.ClassDef]:
    return (n for n in _module(path).body if isinstance(n, ast.ClassDef) and not n.name.startswith("_"))


def _is_value(node: ast.ClassDef) -> bool:
    return any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)


def _docstring(node: ast.ClassDef | ast.Module) -> str:
    """The docstring without examples and `Raises:`."""
    text = ast.get_docstring(node) or ""
    return text.partition("\n\nRaises:")[0].partition("\n\n>>>")[0].strip()


def _fields(node: ast.ClassDef) -> Iterator[Field]:
    for index, item in enumerate(node.body):
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            after = node.body[index + 1] if index + 1 < len(node.body) else None
            text = ""
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                text = " ".join(str(after.value.value).split())
            default = "" if item.value is None else _default(ast.unparse(item.value))
            yield Field(item.target.id, ast.unparse(item.annotation), default, text)


def _default(source: str) -> str:
    if source.startswith("field("):
        _, has_default, rest = source.partition("default=")
        return rest.split(",")[0].rstrip(")") if has_default else ""
    return source


def _class_table(node: ast.ClassDef) -> str:
    rows = "\n".join(
        f"| `{f.name}` | `{_cell(f.kind)}` | {_code(f.default)} | {_cell(f.text)} |" for f in _fields(node)
    )
    head = "| field | type | default | meaning |\n|---|---|---|---|"
    return f"### {node.name}\n\n{_docstring(node)}\n\n{head}\n{rows}\n"


def _error_row(node: ast.ClassDef) -> str:
    parents = ", ".join(f"`{ast.unparse(base)}`" for base in node.bases)
    return f"| `{node.name}` | {parents} | {_cell(' '.join(_docstring(node).split()))} |"


def _code(text: str) -> str:
    return f"`{_cell(text)}`" if text else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
