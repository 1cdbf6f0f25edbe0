"""A proxy on loopback that keeps every request that passes, and answers in the server's place where it is told to."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

# Of one connection, not of the message.
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass(frozen=True)
class Request:
    line: str
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class Recorder:
    """`echo`: path → status and body of the answer; {key} in it is the key of the request, as a rude server has it."""

    url: str = ""
    echo: dict[str, tuple[int, str]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)


@contextmanager
def recorder(target: str) -> Iterator[Recorder]:
    """In front of the server at `target`."""
    kept = Recorder()
    handler = type("Handler", (_Handler,), {"kept": kept, "host": urlsplit(target).netloc})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    kept.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    kept: Recorder
    host: str

    def setup(self) -> None:
        super().setup()
        self._server: http.client.HTTPConnection | None = None

    def finish(self) -> None:
        super().finish()
        if self._server is not None:
            self._server.close()

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.kept.requests.append(Request(self.requestline, list(self.headers.items()), body))
        status, headers, answer = self._echoed() or self._passed_on(body)
        self.kept.answers.append(answer)
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_DELETE = do_GET

    def _echoed(self) -> tuple[int, list[tuple[str, str]], bytes] | None:
        for path, (status, text) in self.kept.echo.items():
            if self.path.startswith(path):
                key = self.headers.get("Authorization", "").removeprefix("Bearer ")
                return status, [("Content-Type", "application/json")], text.replace("{key}", key).encode()
        return None

    def _passed_on(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        if self._server is None:
            self._server = http.client.HTTPConnection(self.host)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "content-length"}
        self._server.request(self.command, self.path, body or None, headers)
        answer = self._server.getresponse()
        return answer.status, answer.getheaders(), answer.read()

    def log_message(self, *_: Any) -> None:
        """Silent."""
