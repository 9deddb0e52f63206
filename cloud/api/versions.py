"""The version that somebody looked at, so that nobody overrules what they have not seen (RFC 9110, If-Match).

Rule: the one place where an `If-Match` is read; what is no version matches nothing.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header

from cloud.api.problems import ProblemError


def _seen(
    if_match: Annotated[
        str | None,
        Header(
            description='The version that you looked at, as in `ETag`: `"3"`; without it, any', max_length=30
        ),
    ] = None,
) -> int | None:
    """The version; None: any.

    Raises:
        ProblemError: 412, it is none.
    """
    if if_match in (None, "*"):
        return None
    number = (if_match or "").strip().removeprefix("W/").strip('"')
    if not (number.isascii() and number.isdecimal()):
        raise ProblemError(412, 'If-Match takes the version of what is changed, as in "3".')
    return int(number)


SeenVersion = Annotated[int | None, Depends(_seen)]
"""What a change asks for: `seen: SeenVersion`."""


def etag(version: int) -> str:
    """A version as a header.

    >>> etag(3)
    '"3"'
    """
    return f'"{version}"'
