"""Files and stdin that a command reads whole: only so much, so that a wrong one cannot fill the memory."""

import sys
from pathlib import Path
from typing import BinaryIO

from billing_cli.domain.errors import BadInput
from billing_cli.domain.spreadsheet import decoded

MIB = 1 << 20
# Stripe's largest events are some hundred kilobytes.
MOST_WEBHOOK_BYTES = 16 * MIB
# 10,000 refunds with long notes are less than half of it.
MOST_CSV_BYTES = 16 * MIB
# A plan of 10,000 refunds has about 20 MiB.
MOST_PLAN_BYTES = 128 * MIB


def read_input(path: Path, most_bytes: int, next_step: str) -> bytes:
    """The file's bytes. Raises BadInput if it cannot be read, or is larger."""
    try:
        with path.open("rb") as file:
            return _bounded(file, str(path), most_bytes, next_step)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.", next_step) from None


def read_stdin(most_bytes: int, next_step: str) -> bytes:
    """What stdin has up to its end. Raises BadInput if it cannot be read, or has more."""
    try:
        return _bounded(sys.stdin.buffer, "stdin", most_bytes, next_step)
    except OSError as error:
        raise BadInput(f"stdin cannot be read: {error.strerror}.", next_step) from None


def read_input_text(path: Path, most_bytes: int, next_step: str) -> str:
    """The file as UTF-8. Raises BadInput also if it is none."""
    try:
        return read_input(path, most_bytes, next_step).decode()
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not UTF-8 text.", next_step) from None


def read_spreadsheet(path: Path, most_bytes: int, next_step: str) -> str:
    """The text of a CSV file in the encodings that spreadsheets write. Raises BadInput for another."""
    try:
        return decoded(read_input(path, most_bytes, next_step))
    except UnicodeDecodeError:
        raise BadInput(f"{path} is neither UTF-8 nor UTF-16 text.", next_step) from None


def _bounded(file: BinaryIO, name: str, most_bytes: int, next_step: str) -> bytes:
    content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise BadInput(f"{name} is larger than {most_bytes // MIB} MiB.", next_step)
    return content
