"""The process's streams and settings, made fit for whatever terminal, pipe, locale or cron job they come from."""

import codecs
import contextlib
import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# One letter for one where that is possible, so that columns stay columns.
_ASCII = {
    **dict.fromkeys("−–—‐‑─━═┄┈", "-"),
    **dict.fromkeys("│┃║▏▌", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╯╰┏┓┗┛┡┩╇┳┻╋╸╺", "+"),
    **dict.fromkeys("“”", '"'),
    **dict.fromkeys("‘’", "'"),
    **dict(zip("▁▂▃▄▅▆▇█", "_.:-=+*#", strict=True)),
    "…": "...",
    "→": "->",
    "·": "-",
    "•": "*",
    "×": "x",
    "\N{REPLACEMENT CHARACTER}": "?",
}
_ERRORS = "billing.ascii"


def settle_process(arguments: Sequence[str]) -> None:
    """Called once, before anything is printed or Rich is imported."""
    _open_missing()
    codecs.register_error(_ERRORS, _as_ascii)
    sys.stdout, sys.stderr = _outlet(1, sys.stdout), _outlet(2, sys.stderr)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 - as long as the process
    _forget_silly_sizes()
    if os.environ.get("NO_COLOR") or "--no-color" in arguments or os.environ.get("BILLING_LOG") == "json":
        _forbid_escapes()


def _open_missing() -> None:
    """Streams that were closed (`>&-`) go nowhere; else a socket would be opened in their place, and be written to."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one


def _as_ascii(error: UnicodeError) -> tuple[str, int]:
    """What the locale has no letter for: our own signs in ASCII, letters of names as `\\u4e2d`."""
    assert isinstance(error, UnicodeEncodeError)  # noqa: S101 - streams that are written to have no other
    letters = error.object[error.start : error.end]
    return "".join(_ASCII.get(each) or _escaped(each) for each in letters), error.end


def _escaped(letter: str) -> str:
    return letter.encode("ascii", "backslashreplace").decode()


def _outlet(number: int, old: TextIO | None) -> TextIO:
    """The stream in the encoding it had, which never fails for a letter, or for a reader that went away."""
    encoding = old.encoding if old else "utf-8"
    unbuffered = isinstance(old, io.TextIOWrapper) and old.write_through
    by_lines = number == 2 or os.isatty(number)
    raw = io.BufferedWriter(_Outlet(number, "wb", closefd=False))
    return io.TextIOWrapper(raw, encoding, _ERRORS, line_buffering=by_lines, write_through=unbuffered)


class _Outlet(io.FileIO):
    """Where the reader went away (`billing … | head`) or the disk is full, the rest goes nowhere.

    The command goes on: what it was told to carry out must not depend on who reads along. A reader that went away
    wanted no more; of anything else, `lost` says why there is less than was written.
    """

    lost: str | None = None

    def write(self, data: "ReadableBuffer", /) -> int | None:  # type: ignore[override]
        try:
            return super().write(data)
        except BlockingIOError:
            raise
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                self.lost = error.strerror
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return super().write(data)


def lost(stream: TextIO) -> str | None:
    """Why a stream of `settle_process` could not be written to; None where all that was said so far is out."""
    stream.flush()
    outlet = getattr(getattr(stream, "buffer", None), "raw", None)
    return outlet.lost if isinstance(outlet, _Outlet) else None


def _forget_silly_sizes() -> None:
    """Rich takes a width of 0 as it comes."""
    for name in ("COLUMNS", "LINES"):
        with contextlib.suppress(KeyError):
            if not (os.environ[name].isdecimal() and int(os.environ[name])):
                del os.environ[name]


def _forbid_escapes() -> None:
    """NO_COLOR leaves Rich bold and moving cursors: nothing of that here, nor in lines for machines."""
    os.environ.pop("FORCE_COLOR", None)
    os.environ.update(NO_COLOR="1", TTY_COMPATIBLE="0")
