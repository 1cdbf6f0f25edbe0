"""An operator's desk: a directory, settings, the test servers, and a shell that knows the placeholders of documents."""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.stripe_control import StripeDouble
from support.usage import YESTERDAY, Connection

from billing_cli.cli.app import run
from billing_cli.sandbox.unprivileged import wheel_binaries

# The newest of each kind stands for the placeholder.
_NEWEST = {
    "BATCH": "select batch_id from billing_export_batches order by opened_at desc limit 1",
    "INTENT": "select intent_id from billing_intents order by intent_id desc limit 1",
    "APPROVAL": "select approval_id from billing_approvals order by approved_at desc limit 1",
    "REPLAY": "select replay_id from billing_webhook_replays order by opened_at desc limit 1",
}
_SHELL = re.compile(r"\$\(|&&|^(export|cp|make|stripe|ssh-keygen|psql|pg_dump) ")
_REDIRECTED = re.compile(r" (>>?) (\S+)$")


@dataclass
class Desk:
    """`names` says what a placeholder stands for; BATCH, INTENT, APPROVAL and REPLAY are the newest, DIGEST the last."""

    directory: Path
    sql: Connection
    stripe: StripeDouble
    db_url: str
    patch: pytest.MonkeyPatch
    endpoint_url: str = ""
    names: dict[str, str] = field(default_factory=dict)
    # A command that another person types, at a desk of their own: what they have in place of what.
    elsewhere: tuple[str, str, str] = ("", "", "")
    _digest: str = ""
    # A batch that was printed: in a sandbox, whose database is not this one.
    _printed: str = ""

    def type(self, line: str) -> tuple[int, str]:
        """Its exit code, and what it printed on stdout and stderr."""
        filled = self._filled(line)
        code, text = self._in_a_shell(filled) if _SHELL.search(filled) else self._here(filled)
        if batches := re.findall(r"\bexp_\d{8}_\d{6}_[0-9a-f]+", text):
            self._printed = batches[0]
        if digests := re.findall(r"^Digest +(\w+)", text, re.MULTILINE):
            self._digest = digests[-1]
        return code, text

    def configure(self, toml: str) -> None:
        """In place of the billing.toml that was."""
        (self.directory / "billing.toml").write_text(toml)

    def add_usage(self, company: str, meter: str, quantity: int, at: datetime = YESTERDAY) -> None:
        self.sql.execute(
            "insert into billing_usage_events (company_id, meter, quantity, occurred_at) values (%s, %s, %s, %s)",
            (company, meter, quantity, at),
        )

    def subscribe(self, company: str, until: datetime) -> None:
        """To api_calls alone, in a period of 30 days."""
        number = company.removeprefix("co_")
        item = {"id": f"si_{number}", "price": "price_seed_api_calls", "meter": "mtr_seed_api_calls"}
        period = {"period_start": int((until - timedelta(days=30)).timestamp()), "period_end": int(until.timestamp())}
        self.stripe.subscriptions(
            [{"id": f"sub_sandbox{number}", "customer": f"cus_sandbox{number}", "items": [item], **period}]
        )

    def age(self, hours: int) -> None:
        """Everything that was sent was sent so much earlier."""
        self.sql.execute(
            "update billing_export_items set first_sent_at = first_sent_at - make_interval(hours => %(h)s), "
            "last_sent_at = last_sent_at - make_interval(hours => %(h)s), "
            "settled_at = settled_at - make_interval(hours => %(h)s)",
            {"h": hours},
        )

    def forget_newest(self) -> None:
        """Stripe drops the meter event of api_calls that was sent last: as if it had never been counted."""
        row = self.sql.execute(
            "select identifier from billing_export_items where event_name = 'api_calls' order by item_id desc limit 1"
        ).fetchone()
        assert row
        self.stripe.forget_identifier(row[0], "api_calls")

    def _filled(self, line: str) -> str:
        for name, query in _NEWEST.items():
            if re.search(rf"\b{name}\b", line) and name not in self.names:
                row: Any = self.sql.execute(query).fetchone()
                assert row or self._printed, f"nothing stands for {name}"
                line = re.sub(rf"\b{name}\b", row[0] if row else self._printed, line)
        for name, value in {**self.names, "DIGEST": self._digest}.items():
            line = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", value.replace("\\", r"\\"), line)
        command, ours, theirs = self.elsewhere
        return line.replace(ours, theirs) if command and command in line else line

    def _here(self, line: str) -> tuple[int, str]:
        redirected = _REDIRECTED.search(line)
        words = shlex.split(_REDIRECTED.sub("", line))
        with self.patch.context() as patch:
            while "=" in words[0]:
                name, _, value = words.pop(0).partition("=")
                patch.setenv(name, value)
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = run(
                    [word.replace("~", os.environ["HOME"]) if word.startswith("~/") else word for word in words[1:]]
                )
        if redirected:
            with (self.directory / redirected[2]).open("a" if redirected[1] == ">>" else "w") as file:
                file.write(out.getvalue())
        return code, out.getvalue() + err.getvalue()

    def _in_a_shell(self, line: str) -> tuple[int, str]:
        # If the machine has no psql, that of the tests' server.
        places = [
            Path(sys.executable).parent,
            os.environ["PATH"],
            wheel_binaries() / "bin",
        ]
        path = os.pathsep.join(map(str, places))
        done = subprocess.run(
            ["sh", "-c", line], env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=60
        )
        return done.returncode, done.stdout + done.stderr
