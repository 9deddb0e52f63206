"""What an endpoint asks of whoever calls it.

Rule: every route says its permission with `need`, and nowhere else is it decided who may.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request

from cloud.api.problems import ProblemError
from cloud.people import Permission, Principal, Role


def read_principal(request: Request) -> Principal:
    """Who calls."""
    return Principal("operator", Role.ADMIN)


PrincipalDep = Annotated[Principal, Depends(read_principal)]


def need(permission: Permission) -> Callable[[Principal], Principal]:
    """A dependency that lets a caller pass who holds a permission.

    Raises:
        ProblemError: 403, on a call by somebody who does not hold it.
    """

    def check(principal: PrincipalDep) -> Principal:
        if not principal.may(permission):
            raise ProblemError(403, f"Your role is {principal.role}; ask an administrator for more.")
        return principal

    return check
