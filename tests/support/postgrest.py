"""A small PostgREST: its RPC dialect, roles, statuses and row cut, over real Postgres, on loopback."""

import json
import socket
import struct
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

MAX_ROWS = 1000
ROLES = {"test-service-key": "service_role", "test-anon-key": "anon", "test-authenticated-key": "authenticated"}
_STATUS = {"42501": 403, "42883": 404, "42P01": 404, "23505": 409, "23503": 409, "57014": 500, "40001": 500}


class PostgrestDouble:
    """Serves until stopped. `faults` are used up one a request: {function: [fault, …]}.

    A fault is `503`, `reset` (before anything happened) or `lost_reply` (after the commit).
    """

    service_key = "test-service-key"
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
        arguments = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}", parse_float=str)
        function = self.path.split("?")[0].removeprefix("/rest/v1/rpc/")
        role = ROLES.get(self.headers.get("apikey", ""))
        fault = self.faults[function].pop(0) if self.faults.get(function) else None
        if fault == "503":
            return self._answer(503, {"message": "upstream is away"})
        if fault == "reset":
            return self._drop()
        if role is None:
            return self._answer(401, _error("PGRST301", "No suitable key or wrong key type"))
        status, answer = self._call(role, function, arguments)
        return self._drop() if fault == "lost_reply" else self._answer(status, answer)

    def _call(self, role: str, function: str, arguments: dict[str, Any]) -> tuple[int, object]:
        query = sql.SQL("select * from public.{}({})").format(
            sql.Identifier(function),
            sql.SQL(", ").join(sql.SQL("{} => {}").format(sql.Identifier(n), sql.Placeholder()) for n in arguments),
        )
        values = [Jsonb(v) if isinstance(v, list | dict) else v for v in arguments.values()]
        try:
            with psycopg.connect(self.db_url) as connection:
                connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
                cursor = connection.execute(query, values)
                rows = cursor.fetchmany(MAX_ROWS)
                names = [column.name for column in cursor.description or ()]
        except psycopg.Error as error:
            return self._refusal(role, function, error)
        if names == [function]:
            return 200, rows[0][0] if len(rows) == 1 else [row[0] for row in rows]
        return 200, [dict(zip(names, row, strict=True)) for row in rows]

    def _refusal(self, role: str, function: str, error: psycopg.Error) -> tuple[int, object]:
        if error.sqlstate == "42883":
            return 404, _error("PGRST202", f"Could not find the function public.{function} in the schema cache")
        status = _STATUS.get(error.sqlstate or "", 400)
        if error.sqlstate == "42501" and role == "anon":
            status = 401
        return status, _error(
            error.sqlstate or "",
            error.diag.message_primary or str(error),
            error.diag.message_detail,
            error.diag.message_hint,
        )

    def _answer(self, status: int, document: object) -> None:
        body = json.dumps(document, default=str).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
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


def _error(code: str, message: str, details: str | None = None, hint: str | None = None) -> dict[str, str | None]:
    return {"code": code, "message": message, "details": details, "hint": hint}
