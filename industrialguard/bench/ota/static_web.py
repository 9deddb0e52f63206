"""A plain static web server, as nginx is: strong ETags, 304, ranges, connections that are kept.

Rule: knows files and nothing else.
"""

from __future__ import annotations

import functools
import http.server
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path
from typing import Any

_RANGE = re.compile(r"bytes=(\d+)-")


class _Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "static", ""
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self._answer(HTTPStatus.NOT_FOUND, b"not here\n", {})
            return
        content, changed = path.read_bytes(), path.stat()
        tag = f'"{changed.st_mtime_ns:x}-{changed.st_size:x}"'
        headers = {
            "ETag": tag,
            "Last-Modified": formatdate(changed.st_mtime, usegmt=True),
            "Accept-Ranges": "bytes",
        }
        first = _RANGE.fullmatch(self.headers.get("Range", ""))
        if self.headers.get("If-None-Match") == tag:
            self._answer(HTTPStatus.NOT_MODIFIED, None, headers)
        elif first and self.headers.get("If-Range", tag) == tag:
            start = int(first[1])
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self._answer(HTTPStatus.PARTIAL_CONTENT, content[start:], headers)
        else:
            self._answer(HTTPStatus.OK, content, headers)

    def _answer(self, status: HTTPStatus, body: bytes | None, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if body is not None:
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """Serve a folder; yields the port on this machine."""
    handler = functools.partial(_Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
