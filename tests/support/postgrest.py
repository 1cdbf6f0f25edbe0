"""A small PostgREST over real Postgres, on loopback: keys and their roles, HTTP, and faults to order."""

import json
import socket
import struct
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.postgrest_rpc import error, run

ROLES = {
    "test-service-key": "service_role",
    "sb_secret_tests": "service_role",
    "test-anon-key": "anon",
    "test-authenticated-key": "authenticated",
}


class PostgrestDouble:
    """Serves until stopped. `faults` are used up one a request: {function: [fault, …]}, `*` being every function.

    A fault is `503`, `reset` (before anything happened), `lost_reply` (after the commit) or empty for none.
    """

    service_key = "test-service-key"
    secret_key = "sb_secret_tests"
    anon_key = "test-anon-key"
    authenticated_key = "test-authenticated-key"

    def __init__(self, db_url: str) -> None:
        self.faults: dict[str, list[str]] = {}
        handler = type("Handler", (_Handler,), {"db_url": db_url, "faults": self.faults})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    db_url: str
    faults: dict[str, list[str]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode() or "{}"
        function = self.path.split("?")[0].removeprefix("/rest/v1/rpc/")
        faults = self.faults.get(function) or self.faults.get("*")
        fault = faults.pop(0) if faults else None
        if fault == "503":
            return self._answer(503, {"message": "upstream is away"})
        if fault == "reset":
            return self._drop()
        role = self._role()
        if role is None:
            return self._answer(401, error("PGRST301", "No suitable key or wrong key type"))
        status, answer = run(self.db_url, role, function, json.loads(body), body)
        return self._drop() if fault == "lost_reply" else self._answer(status, answer)

    def _role(self) -> str | None:
        """The role of the key; a bearer token, where there is one, goes before the apikey header."""
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        return ROLES.get(bearer or self.headers.get("apikey", ""))

    def _answer(self, status: int, document: object) -> None:
        body = (document if isinstance(document, str) else json.dumps(document)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        with suppress(OSError):  # The caller may have been killed.
            self.end_headers()
            self.wfile.write(body)

    def _drop(self) -> None:
        """Ends the connection with a reset, as a crashing gateway would."""
        self.close_connection = True
        with suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr."""
