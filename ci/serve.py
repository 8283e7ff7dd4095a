"""Serve: the pages of past runs, for a look at home."""

from __future__ import annotations

import re
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from ci.pages import index_of, view_of
from ci.report.html import run_page

if TYPE_CHECKING:
    from ci.history import History

_RUN = re.compile(r"/([A-Za-z0-9-]{1,80})\.html")
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def server_of(history: History, *, host: str, port: int) -> ThreadingHTTPServer:
    """Return a server of the pages of *history*, which listens and is not yet serving."""

    class Handler(BaseHTTPRequestHandler):
        """Answers GET for the index and for each run."""

        def do_GET(self) -> None:
            page = _page(history, self.path)
            body = (page or "there is no such run\n").encode()
            self.send_response(HTTPStatus.OK if page else HTTPStatus.NOT_FOUND)
            for name, value in HEADERS.items():
                self.send_header(name, value if page or name != "Content-Type" else "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    return ThreadingHTTPServer((host, port), Handler)


def _page(history: History, path: str) -> str | None:
    plain = path.partition("?")[0]
    if plain in {"/", "/index.html"}:
        return index_of(history)
    found = _RUN.fullmatch(plain)
    seen = view_of(history, found[1]) if found else None
    return run_page(seen) if seen else None
