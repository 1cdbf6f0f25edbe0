"""Answers of a gateway, a website or PostgREST over REST, as the sentence and the kind that it becomes."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from support.postgrest import PostgrestDouble

from billing_cli.adapters.database.rest_answers import refusal
from billing_cli.adapters.database.supabase import SupabaseDatabase
from billing_cli.domain import errors

LEGACY = {"message": "Legacy API keys are disabled", "hint": "Your legacy API keys were disabled on 2026-11-01."}
PAGE = b"<html><head><title>522: Connection timed out</title></head><body><p>Ray ID</p></body></html>"


def document(**fields: str) -> bytes:
    return json.dumps(fields).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (
            503,
            document(code="PGRST002", message="Could not query the database for the schema cache. Retrying."),
            errors.Unavailable,
            "for the schema cache. Retrying",
        ),
        (404, document(code="PGRST202", message="Could not find the function"), errors.NotMigrated, "functions"),
        (401, document(code="PGRST301", message="JWT expired"), errors.Misconfigured, "JWT expired"),
        (401, document(code="PGRST302", message="Anonymous access is disabled"), errors.Misconfigured, "Anonymous"),
        (401, document(code="PGRST303", message="JWT issued at future"), errors.Misconfigured, "JWT issued at future"),
        (
            406,
            document(code="PGRST106", message="The schema must be one of the following: api"),
            errors.Misconfigured,
            "does not expose the schema public: The schema must be one of the following: api",
        ),
        (401, document(message="Invalid API key", hint="Double check"), errors.Misconfigured, "Invalid API key"),
        (401, document(**LEGACY), errors.Misconfigured, "Legacy API keys are disabled"),
        (402, document(message="Service is restricted"), errors.Misconfigured, "Service is restricted"),
        (540, PAGE.replace(b"522: Connection timed out", b"Project paused"), errors.Misconfigured, "Project paused"),
        (408, b"", errors.Unavailable, "Supabase answered 408."),
        (413, b"<h1>413 Request Entity Too Large</h1>", errors.Misconfigured, "413 Request Entity Too Large"),
        (429, document(message="API rate limit exceeded"), errors.Unavailable, "API rate limit exceeded"),
        (500, b"upstream is away", errors.Unavailable, "upstream is away"),
        (522, PAGE, errors.Unavailable, "522: Connection timed out"),
        (
            500,
            document(code="25006", message="cannot execute INSERT in a read-only transaction"),
            errors.Unavailable,
            "The database is read-only: cannot execute INSERT",
        ),
        (404, PAGE, errors.Misconfigured, "does not answer as Supabase does (404)"),
        (301, b"", errors.Misconfigured, "does not answer as Supabase does (301)"),
    ],
)
def test_a_refusal_has_a_sentence_with_the_servers_words(
    status: int, body: bytes, kind: type[errors.BillingError], words: str
) -> None:
    error = refusal(status, body)
    assert type(error) is kind
    assert words in error.message
    assert error.next_step


def test_keys_that_are_switched_off_lead_to_the_new_ones() -> None:
    assert "sb_secret_" in refusal(401, document(**LEGACY)).next_step


@pytest.mark.parametrize("body", [b"<html><title>Sign in to the Wi-Fi</title></html>", b"", b'{"batches": [', b"OK"])
def test_a_success_that_is_no_json_is_a_setting_to_correct(body: bytes) -> None:
    class Portal(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Silent."""

    server = HTTPServer(("127.0.0.1", 0), Portal)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    database = SupabaseDatabase(f"http://127.0.0.1:{server.server_port}", "s3cret")
    with pytest.raises(errors.Misconfigured, match="SUPABASE_URL does not answer as Supabase does"):
        database.call("billing_batches_list_v1")
    database.close()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("key", ["service_key", "secret_key"])
def test_keys_of_both_kinds_are_accepted(key: str, rest: PostgrestDouble) -> None:
    database = SupabaseDatabase(rest.url, getattr(rest, key))
    assert database.call("billing_batches_list_v1") == []
    database.close()
