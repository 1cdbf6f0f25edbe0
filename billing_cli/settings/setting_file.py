"""Reading a file with settings: only so much, so that a wrong one cannot fill the memory."""

from pathlib import Path

from billing_cli.domain.errors import Misconfigured

_MOST_MIB = 1


def read_setting_file(path: Path) -> str:
    """The file as UTF-8. Raises Misconfigured if it cannot be read or is too large, UnicodeDecodeError if not UTF-8."""
    most_bytes = _MOST_MIB << 20
    try:
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror}.", "Check who may read it.") from None
    if len(content) > most_bytes:
        raise Misconfigured(f"{path} is larger than {_MOST_MIB} MiB.", "Name the file with your settings.")
    return content.decode()
