"""Writes tests/cli/snapshots/help-*.txt: what --help prints, of every command, and of some on a narrow terminal."""

from pathlib import Path

from command_tree import groups, help_text, leaves

SNAPSHOTS = Path(__file__).parents[2] / "tests" / "cli" / "snapshots"
NARROW = ("", "export", "batches", "batches show")


def pages() -> dict[str, str]:
    """The content of each file."""
    return {"help-80.txt": _pages([*groups(), *leaves()], 80), "help-40.txt": _pages(NARROW, 40)}


def _pages(commands: list[str] | tuple[str, ...], columns: int) -> str:
    shown = (f"$ {' '.join(['billing', *words.split(), '--help'])}\n{help_text(words, columns)}" for words in commands)
    return "\n".join(shown)


if __name__ == "__main__":
    for name, text in pages().items():
        (SNAPSHOTS / name).write_text(text, encoding="utf-8")
