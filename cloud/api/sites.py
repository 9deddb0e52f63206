"""Which sites a caller sees, where a route reads or changes what belongs to one.

Rule: what lies on a site that the caller does not see does not exist for it.
"""

from __future__ import annotations

from cloud.api.problems import ProblemError
from cloud.people import Principal


def require_site(principal: Principal, site: str) -> None:
    """Refuse what would reach beyond a caller's sites.

    Args:
        principal: Who asks.
        site: Code of the site; empty: of none.

    Raises:
        ProblemError: 403.
    """
    if not principal.sees(site):
        where = f"site {site}" if site else "what belongs to no site"
        raise ProblemError(403, f"You do not belong to {where}; ask an administrator.")
