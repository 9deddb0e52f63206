"""Figures between the marks of a document."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import DataError
from models.tables import Rows, format_rows, update_document


def test_a_table_has_a_line_a_row_whatever_is_in_it() -> None:
    rows: Rows = [{"what": "mean |z|", "found": True}, {"what": None, "found": False}]
    assert format_rows(rows).splitlines() == [
        "| what | found |",
        "|---|---|",
        r"| mean \|z\| | yes |",
        "| - | **no** |",
    ]


def test_only_what_stands_between_the_marks_is_replaced(tmp_path: Path) -> None:
    document = tmp_path / "figures.md"
    document.write_text("before\n<!-- a: begin -->\nold\n<!-- a: end -->\nafter\n", "utf-8")
    update_document(document, "new", "a")
    assert document.read_text("utf-8") == "before\n<!-- a: begin -->\n\nnew\n\n<!-- a: end -->\nafter\n"
    with pytest.raises(DataError, match="needs the marks"):
        update_document(document, "new", "b")
