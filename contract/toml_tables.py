"""Frozen dataclasses from TOML tables, and back.

Rule: a table is read by the dataclass's own annotations. Unknown keys, missing keys and wrong types are
refused with one short line that names the place; nothing is converted but whole numbers to `float` and lists
to tuples.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from contract.errors import ConfigError

_T = TypeVar("_T")
_SHOWN = 60


def parse_toml(text: str) -> dict[str, Any]:
    """The tables of a TOML text.

    Raises:
        ConfigError: it is none, or nested beyond reason.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not valid TOML: {error}") from error
    except (RecursionError, ValueError) as error:  # deep nesting; more digits than Python reads
        raise ConfigError(f"not valid TOML: {show(error)}") from error


def build(kind: type[_T], table: Any, where: str) -> _T:
    """Build a dataclass from a table, with the dataclasses in it.

    Args:
        kind: a dataclass; its fields are str, int, float, a StrEnum or a dataclass, tuples of these, or None.
        table: what TOML gave.
        where: what to call it in an error.

    Raises:
        ConfigError: the table does not fit.
    """
    if not isinstance(table, dict):
        raise ConfigError(f"{where} must be a table, not {show(table)}")
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]  # typeshed knows no dataclass bound
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise ConfigError(f"{where}: unknown key {show(unknown[0])}; known are {', '.join(sorted(known))}")
    needed = [n for n, f in known.items() if f.default is MISSING and f.default_factory is MISSING]
    missing = [name for name in needed if name not in table]
    if missing:
        raise ConfigError(f"{where}: {', '.join(missing)} is missing")
    hints = get_type_hints(kind)
    return kind(**{key: _convert(hints[key], value, f"{where}.{key}") for key, value in table.items()})


def format_table(section: Any) -> list[str]:
    """The lines of a dataclass's plain fields; nested dataclasses and None are left out."""
    values = {f.name: getattr(section, f.name) for f in fields(section)}
    return [f"{name} = {_format(value)}" for name, value in values.items() if _is_plain(value)]


def show(value: Any) -> str:
    """A value for an error message: escaped, on one line, not too long."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _convert(hint: Any, value: Any, where: str) -> Any:
    if isinstance(hint, UnionType):
        (hint,) = (arm for arm in get_args(hint) if arm is not NoneType)
    if get_origin(hint) is tuple:
        return _convert_list(get_args(hint), value, where)
    if is_dataclass(hint) and isinstance(hint, type):
        return build(hint, value, where)
    if issubclass(hint, StrEnum):
        return _convert_word(hint, value, where)
    accepted: tuple[type, ...] = (int, float) if hint is float else (hint,)
    if not isinstance(value, accepted) or isinstance(value, bool):
        names = {float: "a number", int: "a whole number", str: "text"}
        raise ConfigError(f"{where} must be {names[hint]}, not {show(value)}")
    try:
        return hint(value)
    except OverflowError as error:
        raise ConfigError(f"{where}: {show(value)} is too large") from error


def _convert_word(kind: type[StrEnum], value: Any, where: str) -> StrEnum:
    words = [str(member) for member in kind]
    if value not in words:
        raise ConfigError(f"{where}: {show(value)} is none of {', '.join(words)}")
    return kind(value)


def _convert_list(hints: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ConfigError(f"{where} must be a list, not {show(value)}")
    is_open = hints[-1] is Ellipsis
    if not is_open and len(value) != len(hints):
        raise ConfigError(f"{where} must hold {len(hints)} values, not {len(value)}")
    each = [hints[0]] * len(value) if is_open else list(hints)
    return tuple(
        _convert(hint, item, f"{where}[{index}]")
        for index, (hint, item) in enumerate(zip(each, value, strict=True))
    )


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return value is not None and not is_dataclass(value)


def _format(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_format, value))}]"
    if isinstance(value, str):
        # JSON's escapes are TOML's, but for DEL, which only TOML wants escaped.
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
