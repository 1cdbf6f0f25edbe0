"""Secrets with bodies that occur nowhere else, and a search that finds them whole, in part and in disguise."""

import base64
import io
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

# Stripe shows the last four characters of a key in its own sentences; a run of six is a leak.
_RUN = 6

STRIPE_KEY = "sk_test_51Wq7ZkVx3TnPbR9mYhL2cJd8G"
RESTRICTED_KEY = "rk_test_51Bf5KpUz8QwEjN4sXaD7vGt2H"
LIVE_KEY = "sk_live_51Ry6MhCg9VdAoL1kTzS4bWn3P"
REFUSED_KEY = "sk_test_invalid6Jx2NvQe8FyKsUw4Dz"
SIGNING = "whsec_Hd8WnBq5XzLcTg7KvRp3MsYf9Jt2"
OLD_SIGNING = "whsec_Ze4PyVu6CkDwGm8NxSb1QaRh7Ft5"
SUPABASE_KEY = "sb_secret_Tz9KcYw3HpVn6JxGdQ8m_Lr5BvXs"
SERVICE_ROLE_KEY = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
    ".eyJyb2xlIjoic2VydmljZV9yb2xlIiwiaXNzIjoiWnBLOHZRM20ifQ"
    ".Nf7RtWc2KxJqVb9GzMh4YdLs6PuEaT3o"
)
# An @ and a / in it: in an address, it is written otherwise.
PASSWORD = "Gv4@tQ/w8ZsNfX6bKr2Y"
USERINFO = "Jm3HxTq9WvBz5CdK"

# What of each is random: prefixes, and the heads that all tokens share, may be shown.
BODIES = {
    "Stripe key": STRIPE_KEY[10:],
    "restricted key": RESTRICTED_KEY[10:],
    "live key": LIVE_KEY[10:],
    "refused key": REFUSED_KEY[15:],
    "signing secret": SIGNING[6:],
    "older signing secret": OLD_SIGNING[6:],
    "Supabase key": SUPABASE_KEY[10:],
    "service role key": SERVICE_ROLE_KEY.rpartition(".")[2],
    "database password": PASSWORD,
    "password in an address": USERINFO,
}


class Search:
    """For `bodies`, each under the name that a finding is reported by."""

    def __init__(self, bodies: dict[str, str]) -> None:
        self._runs = {
            run: f"{name} ({how})"
            for name, body in bodies.items()
            for how, form in _guises(body)
            for run in (form[start : start + _RUN] for start in range(len(form) - _RUN + 1))
        }

    def found_in(self, text: str) -> set[str]:
        """The names of what was found. Linear in the text, however many secrets there are."""
        runs = self._runs
        windows = {text[start : start + _RUN] for start in range(len(text) - _RUN + 1)}
        return {runs[run] for run in windows & runs.keys()}

    def found_in_bytes(self, content: bytes) -> set[str]:
        found = self.found_in(content.decode("utf-8", "replace"))
        for hexed in re.findall(rb"\\\\?x((?:[0-9a-f]{2}){6,})", content):
            found |= self.found_in(bytes.fromhex(hexed.decode()).decode("utf-8", "replace"))
        if content.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for name in archive.namelist():
                    found |= self.found_in(name) | self.found_in_bytes(archive.read(name))
        return found

    def found_in_files(self, root: Path, but: Iterable[Path] = ()) -> dict[str, set[str]]:
        """By path; names of files count too. `but` are those that hold secrets by design."""
        left_out = set(but)
        found: dict[str, set[str]] = {}
        for path in root.rglob("*"):
            names = self.found_in(path.name)
            if path.is_file() and not path.is_symlink() and path not in left_out:
                names |= self.found_in_bytes(path.read_bytes())
            if names:
                found[str(path.relative_to(root))] = names
        return found


def _guises(body: str) -> Iterable[tuple[str, str]]:
    yield "as it is", body
    yield "reversed", body[::-1]
    if quote(body, safe="") != body:
        yield "percent-encoded", quote(body, safe="")
    for shift in range(3):
        # As a part of something longer that was encoded, it can begin at any of three places.
        encoded = base64.b64encode(b"\0" * shift + body.encode()).decode()
        yield "base64", encoded[4:-4]
        yield "base64", encoded[4:-4].translate(str.maketrans("+/", "-_"))
