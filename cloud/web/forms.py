"""Forms that pages send, without a script.

Rule: read only as far as they may be long.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from fastapi import Request

from cloud.api.csv_body import read_bytes

MAX_FIELDS = 40


async def read_fields(request: Request) -> dict[str, str]:
    """An urlencoded form; of a field that comes twice, the first; spaces around a value are not part of it.

    Raises:
        ProblemError: 413, it is too long.
    """
    text = (await read_bytes(request)).decode("utf-8", "replace")
    fields = parse_qs(text, max_num_fields=MAX_FIELDS)
    return {name: values[0].strip() for name, values in fields.items()}
