"""Commands as a document quotes them: the line, the exit code it promises, and what it shows of the answer.

A command block may promise an exit code at the end of a line (`billing doctor  # exits 3`); without a promise it is 0.
A ```text block right after commands shows what the last of them prints. A ```toml block is a `billing.toml`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

_PART = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<block>.*?)^ *```$|`(?P<inline>(?:LIVE=true )?billing [a-z-][^`\n]*)`"
    r"(?: \(exits (?P<code>\d+)\))?",
    re.MULTILINE | re.DOTALL,
)
_PROMISE = re.compile(r"\s+# exits (\d+)\b.*$")
_REMARK = re.compile(r"\s+# .*$")


@dataclass(frozen=True)
class Quoted:
    """One line of a document. `shown` is what the document shows of its answer, "" where it shows nothing."""

    line: str
    code: int = 0
    shown: str = ""
    in_sentence: bool = False


@dataclass(frozen=True)
class Config:
    """What the document tells its reader to put into billing.toml."""

    text: str


def sections(document: Path) -> dict[str, str]:
    """The text under each `##` heading."""
    parts = re.split(r"^## (.+)$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def quotes(text: str) -> list[Quoted | Config]:
    """Everything to do, in the order of the document."""
    found: list[Quoted | Config] = []
    for part in _PART.finditer(text):
        if part["inline"]:
            if "…" not in part["inline"]:
                found.append(Quoted(part["inline"], int(part["code"] or 0), in_sentence=True))
        elif part["language"] == "toml":
            found.append(Config(part["block"]))
        elif part["language"] == "text" and found and isinstance(last := found[-1], Quoted):
            found[-1] = replace(last, shown=part["block"])
        elif not part["language"]:
            found.extend(_commands(part["block"]))
    return found


def _commands(block: str) -> Iterator[Quoted]:
    for line in block.splitlines():
        promise = _PROMISE.search(line)
        if command := _REMARK.sub("", line).strip():
            yield Quoted(command, int(promise[1]) if promise else 0)


# What differs from run to run, and stands for itself: ids, instants, digests, durations, figures, this machine.
_MASKS = [
    (r"\b(exp|int|apr|rpl)_[0-9]{8}_[0-9]{6}_[0-9a-f]+", r"\1_ID"),
    (r"\b(re|in|ii|cn|cbtxn|req|evt|txn|po|acct)_[A-Za-z0-9_]+", r"\1_ID"),
    (r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?Z?)?", "WHEN"),
    (r"\b[0-9a-f]{16,64}\b", "DIGEST"),
    (r"\b(pi|co|cus)_[a-z0-9_]+", r"\1_ID"),
    (r"-?\b[0-9][0-9,]*(\.[0-9]+)?\b", "N"),
    (r"[\s│┃]+", " "),
]


def masked(text: str) -> str:
    """With everything that differs from run to run replaced, and all white space one blank."""
    for pattern, mask in _MASKS:
        text = re.sub(pattern, mask, text)
    return text.strip()
