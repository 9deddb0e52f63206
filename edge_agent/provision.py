"""Entry point: `industrialguard provision …`.

Rule: safe to run again, whatever happened the last time. The claim token comes from a file, stdin or the
environment, never from the command line.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from contract.enrolment import ClaimToken
from contract.errors import ConfigError
from contract.identity import IdentityFolder
from contract.logs import configure_logging
from edge_agent.credentials import Holding
from edge_agent.enrolment import claim, read_identity, renew

TOKEN_VARIABLE = "INDUSTRIALGUARD_CLAIM_TOKEN"  # noqa: S105 - the variable's name, not a token
EXAMPLES = f"""\
examples:
  industrialguard provision --identity ./identity --url https://enrol.plant:8443 --token-file token
  industrialguard provision --identity ./identity
  industrialguard provision --identity ./identity --renew

A claim token is printed by `industrialguard cloud claim-token DEVICE`; {TOKEN_VARIABLE} may hold it, too.
Interrupted, run it again. The agent renews the certificate by itself; --renew does it now.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Give this device an identity, renew it, or show it.

    Returns:
        The exit code.

    Raises:
        IndustrialGuardError: anything a person can act on; `industrialguard` prints it as one line.
    """
    options = build_parser().parse_args(argv)
    configure_logging("warning")
    folder = IdentityFolder(options.identity)
    if options.renew:
        held = renew(folder)
    elif options.url:
        held = claim(folder, options.url, _read_token(options.token_file))
    else:
        held = read_identity(folder)
    print(describe(held))
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Build the parser; it also writes the help text."""
    parser = argparse.ArgumentParser(
        prog="industrialguard provision",
        description="Give this device an identity: a key that never leaves it, and a certificate.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--identity", required=True, type=Path, metavar="DIR", help="where it lies")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--url", help="of the enrolment desk, https://HOST:PORT: claim an identity there")
    way.add_argument("--renew", action="store_true", help="get the next certificate now")
    parser.add_argument("--token-file", metavar="FILE", help="holds the claim token; - is stdin")
    return parser


def describe(held: Holding) -> str:
    """Who this device is, and until when."""
    return f"{held.name}, until {held.not_after:%Y-%m-%d %H:%M} UTC"


def _read_token(file: str | None) -> ClaimToken:
    if file == "-":
        text = sys.stdin.readline()
    elif file is not None:
        try:
            text = Path(file).read_text("utf-8")
        except (OSError, ValueError) as error:
            raise ConfigError(f"--token-file {file}: cannot be read: {error}") from error
    else:
        text = os.environ.get(TOKEN_VARIABLE, "")
    if not text.strip():
        raise ConfigError(f"give the claim token by --token-file or {TOKEN_VARIABLE}")
    return ClaimToken.parse(text)


if __name__ == "__main__":
    sys.exit(main())
