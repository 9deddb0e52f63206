"""A CSV file as the body of a request.

Rule: it is read only as far as it may be long, and it is UTF-8 or refused.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request

from cloud.api.problems import ProblemError
from cloud.asset_import import MAX_BYTES

CSV_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}
}
"""What OpenAPI says of such a route."""


async def read_csv(request: Request) -> str:
    """The body as text.

    Raises:
        ProblemError: 413, it is too long; 415, it is no CSV; 422, it is not UTF-8.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "text/csv":
        raise ProblemError(415, "Send the list with Content-Type: text/csv.")
    return decode_csv(await read_bytes(request))


async def read_bytes(request: Request) -> bytes:
    """A body of at most `MAX_BYTES`.

    Raises:
        ProblemError: 413, it is longer.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise ProblemError(413, f"That is more than {MAX_BYTES} bytes; split it.")
    return bytes(body)


def decode_csv(content: bytes) -> str:
    """Text of a file that spreadsheets write.

    Raises:
        ProblemError: 422, it is not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ProblemError(422, f"It is not UTF-8 from byte {error.start} on; save it as UTF-8.") from error


CsvText = Annotated[str, Depends(read_csv)]
