"""Files of lives and windows in Parquet: training's only Arrow importer.

Rule: a file of lives is taken for what it claims only after its columns were seen to be exactly those of its
type; every defect is one `DataError` that names the file and the column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow_hotfix  # noqa: F401  # closes CVE-2023-47248 of the Arrow that TFX holds us on
from pyarrow import parquet

from contract.errors import DataError
from contract.life_columns import Column, ColumnKind, column_kinds, require_columns, to_columns, to_lives
from contract.lives import Life, LifeSpec
from contract.snapshot import Installed, LifeKey

_ARROW_TYPES = {
    ColumnKind.TEXT: pa.string(),
    ColumnKind.WHOLE: pa.int64(),
    ColumnKind.NUMBER: pa.float64(),
    ColumnKind.AGES: pa.list_(pa.float64()),
    ColumnKind.ROWS: pa.list_(pa.float32()),
    ColumnKind.TEXTS: pa.list_(pa.string()),
}
_NULLABLE = ColumnKind.NUMBER
"""Numbers may be absent: they come back as NaN."""


def write_lives(path: Path, lives: Sequence[Life], spec: LifeSpec, installed: Installed) -> None:
    """Write lives, or parts of them, as one file; the caller makes it appear whole.

    Raises:
        DataError: a life is not of this type, or the disk refused.
    """
    kinds = column_kinds(spec)
    columns = to_columns(lives, spec, installed)
    schema = pa.schema([(name, _ARROW_TYPES[kind]) for name, kind in kinds.items()])
    table = pa.Table.from_arrays([_to_arrow(columns[name]) for name in kinds], schema=schema)
    try:
        parquet.write_table(table, path, compression="zstd")
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error}") from error


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows of plain texts, numbers and lists of them as one file; the caller makes it appear whole.

    Args:
        path: Where.
        rows: At least one; all with the same columns, each of one type throughout. Lists of numbers are kept
            as float32, of whole numbers as int64.

    Raises:
        DataError: the disk refused.
    """
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    table = pa.table({name: pa.array(values, _type_of(values)) for name, values in columns.items()})
    try:
        parquet.write_table(table, path, compression="zstd")
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error}") from error


def read_lives(path: Path, spec: LifeSpec) -> tuple[list[Life], dict[LifeKey, datetime]]:
    """Read a file of lives.

    Returns:
        The lives in the file's order, and when each was installed, where that is known.

    Raises:
        DataError: no such file, damaged, or not exactly what lives of this type look like; says file, column
            and machine.
    """
    table = _read_table(path)
    names = [field.name for field in table.schema]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{path}: column {twice[0]} stands there twice")
    try:
        require_columns({field.name: _kind_of(field.type) for field in table.schema}, spec)
        columns = {name: _from_arrow(name, table, kind) for name, kind in column_kinds(spec).items()}
        return to_lives(columns, spec)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _type_of(values: Sequence[Any]) -> pa.DataType:
    """By the first value that is there; lists of nothing are lists of whole numbers."""
    if isinstance(values[0], str):
        return pa.string()
    first = next((each for held in values for each in held), 0)
    kinds = {str: pa.string(), int: pa.int64(), float: pa.float32()}
    return pa.list_(kinds[type(first)])


def _read_table(path: Path) -> pa.Table:
    try:
        return parquet.ParquetFile(path).read()  # `read_table` would take words of the path for columns
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file") from error
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: damaged, or no Parquet file ({' '.join(str(error).split())})") from error


def _to_arrow(column: Column) -> pa.Array:
    if column.offsets is None:
        return pa.array(column.values, _ARROW_TYPES[column.kind], from_pandas=True)
    values = pa.array(column.values, _ARROW_TYPES[column.kind].value_type, from_pandas=False)
    return pa.ListArray.from_arrays(pa.array(column.offsets), values)


def _kind_of(found: pa.DataType) -> ColumnKind | str:
    """Our kind of an Arrow type, whatever it calls the entries of a list; Arrow's own name if it is none."""
    for kind, ours in _ARROW_TYPES.items():
        is_same = found == ours
        if kind.is_list and pa.types.is_list(found):
            is_same = found.value_type == ours.value_type
        if is_same:
            return kind
    return str(found)


def _from_arrow(name: str, table: pa.Table, kind: ColumnKind) -> Column:
    found = table.column(name).combine_chunks()
    array = pa.concat_arrays(found.chunks) if isinstance(found, pa.ChunkedArray) else found
    if array.null_count and kind is not _NULLABLE:
        row = array.is_null().to_pylist().index(True)
        machine = table.column("machine")[row].as_py()
        raise DataError(f"column {name}: machine {machine!r}: holds nothing")
    if not kind.is_list:
        is_text = kind is ColumnKind.TEXT
        return Column(kind, array.to_pylist() if is_text else array.to_numpy(zero_copy_only=False))
    values = array.flatten()
    if values.null_count:
        raise DataError(
            f"column {name}: machine {_machine_with_null(array, table)!r}: a list has a gap in it"
        )
    lengths = array.value_lengths().to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    is_text = kind is ColumnKind.TEXTS
    return Column(kind, values.to_pylist() if is_text else values.to_numpy(zero_copy_only=False), offsets)


def _machine_with_null(array: pa.ListArray, table: pa.Table) -> str:
    row = next(index for index, each in enumerate(array) if None in each.as_py())
    return str(table.column("machine")[row].as_py())
