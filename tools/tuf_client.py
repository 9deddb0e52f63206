"""The device's update client behind the command line that the public conformance tests of TUF call.

Rule: everything goes through `ota.trusted` and `ota.fetcher`, as on a device; the copies in the folder that
the tests read are of what is on disk.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from contract.archive import write_atomically
from ota.errors import UpdateError
from ota.fetcher import Limits, WebFetcher
from ota.parts import PartFolder
from ota.trust_store import TrustStore
from ota.trusted import Addresses, TrustedRepository, is_signed
from ota.web import Web, WebSettings, require_address

_ROOT_FILE = "shipped-root"
_LIMITS = Limits(attempts=3, first_wait_s=0.05)

EXAMPLES = """\
examples:
  python -m tools.tuf_client --metadata-dir /tmp/m init root.json
  python -m tools.tuf_client --metadata-dir /tmp/m --metadata-url http://localhost:8000/metadata refresh
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0: it worked, 1: it was refused."""
    options = _parser().parse_args(arguments)
    folder: Path = options.metadata_dir
    if options.command == "init":
        write_atomically(folder / _ROOT_FILE, options.trusted_root.read_bytes())
        return 0
    store = TrustStore(folder / "store")
    try:
        with store.held():
            _look(options, store)
    except UpdateError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    finally:
        _show(store, folder)
    return 0


def _look(options: argparse.Namespace, store: TrustStore) -> None:
    folder: Path = options.metadata_dir
    targets = require_address(options.target_base_url) if options.target_base_url else ""
    web = Web(WebSettings(), is_clock_believed=True)
    fetcher = WebFetcher(web, PartFolder(folder / "parts"), _LIMITS, threading.Event())
    addresses = Addresses(require_address(options.metadata_url), targets)
    try:
        root = (folder / _ROOT_FILE).read_bytes()
        repository = TrustedRepository(store, fetcher, addresses, root, datetime.now(UTC))
        repository.refresh()
        for name in options.target_name if options.command == "download" else ():
            target = repository.find(name)
            path = options.target_dir / quote(name, "")
            if not is_signed(target, path):
                repository.download(target, path)
    finally:
        web.close()


def _show(store: TrustStore, folder: Path) -> None:
    """Copy what is trusted to where the tests look: each role under its name without a version."""
    metadata = store.load().metadata
    roots = [name for name in metadata if name.startswith("root_history/")]
    for name, data in metadata.items():
        if name not in roots:
            (folder / name).write_bytes(data)
    if roots:
        newest = max(roots, key=lambda name: int(name.split("/")[1].split(".")[0]))
        (folder / "root.json").write_bytes(metadata[newest])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.tuf_client",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--metadata-dir", type=Path, required=True, help="where what is trusted is shown")
    parser.add_argument("--metadata-url", help="of the repository's metadata")
    parser.add_argument("--target-name", action="append", default=[], help="a target; may be repeated")
    parser.add_argument("--target-dir", type=Path, help="where targets go")
    parser.add_argument("--target-base-url", help="of the repository's targets")
    commands = parser.add_subparsers(dest="command", required=True)
    init = commands.add_parser("init", help="begin with a root")
    init.add_argument("trusted_root", type=Path)
    commands.add_parser("refresh", help="take over what is new")
    commands.add_parser("download", help="fetch targets")
    return parser


if __name__ == "__main__":
    sys.exit(main())
