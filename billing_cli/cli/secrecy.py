"""No secret leaves by the terminal, and none comes in as an argument: the last line of defence, for every command."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO
from urllib.parse import quote

from billing_cli.domain.errors import BadInput
from billing_cli.domain.masking import holds_secret, without_secrets

# Shorter ones would be found within other words.
_SHORTEST = 6
# What holds a secret before the settings could be read.
_VARIABLES = (
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "SUPABASE_SECRET_KEY",
    "SUPABASE_SERVICE_ROLE_KEY",
    "SUPABASE_DB_URL",
)


class Secrecy:
    """Knows what is secret here: what looks like it, what the environment holds, and what the settings add."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self._arguments = arguments
        self._known: frozenset[str] = frozenset()
        self._add(environment.get(name, "") for name in _VARIABLES)

    def learn(self, secrets: Iterable[str]) -> None:
        """Adds to what is known. Raises BadInput where an argument holds one."""
        self._add(secrets)
        self.refuse_arguments()

    def refuse_arguments(self) -> None:
        """Raises BadInput where an argument holds a secret: it would be in lists of processes, logs and plans."""
        for number, argument in enumerate(self._arguments, start=1):
            if holds_secret(argument, self._known):
                raise BadInput(
                    f"Word {number} after `billing` holds what looks like a secret; nothing was done.",
                    "No command takes one. Your shell's history may have it now: see docs/security.md, and roll it.",
                )

    def clean(self, text: str) -> str:
        """Without secrets. A JSON document stays one: only its strings change, not its keys, numbers and name."""
        cleaned = without_secrets(text, self._known)
        if cleaned == text or not text.startswith("{"):
            return cleaned
        try:
            document = json.loads(text)
        except ValueError:
            return cleaned
        return json.dumps({**self._clean_strings(document), **_name_of(document)}) + "\n" * text.endswith("\n")

    @contextmanager
    def over_streams(self) -> Iterator[None]:
        """While it lasts, what is written to stdout and stderr is clean, whoever writes it."""
        out, err = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = _CleanStream(out, self), _CleanStream(err, self)
        try:
            yield
        finally:
            sys.stdout, sys.stderr = out, err

    def _clean_strings(self, value: Any) -> Any:
        if isinstance(value, str):
            return without_secrets(value, self._known)
        if isinstance(value, list):
            return [self._clean_strings(each) for each in value]
        return {key: self._clean_strings(each) for key, each in value.items()} if isinstance(value, dict) else value

    def _add(self, secrets: Iterable[str]) -> None:
        long = [secret for secret in secrets if len(secret) >= _SHORTEST]
        # In JSON and in an address, some characters are written differently.
        self._known |= {form for each in long for form in (each, json.dumps(each)[1:-1], quote(each, safe=""))}


def _name_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """`billing.…/v1`, even where `billing` is the password too."""
    return {"schema": document["schema"]} if "schema" in document else {}


class _CleanStream:
    """The stream it stands for in all but what is written to it."""

    def __init__(self, stream: TextIO, secrecy: Secrecy) -> None:
        self._stream, self._secrecy = stream, secrecy

    def write(self, text: str) -> int:
        self._stream.write(self._secrecy.clean(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
