"""Writes docs/modules.md: every module and SQL file, with the sentence that it begins with."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULES_MD = ROOT / "docs" / "modules.md"
_INTRODUCTION = """\
# Modules

<!-- Made by `make docs` from the first sentence of each module; edit those. -->

The same noun names the file in every layer. Search this page for what you are after; [how the parts go
together](architecture.md).
"""


def modules_page() -> str:
    directories = [ROOT / "billing_cli", *sorted(path for path in (ROOT / "billing_cli").rglob("*") if path.is_dir())]
    parts = [_INTRODUCTION]
    for directory in [*directories, ROOT / "sql" / "migrations", ROOT / "sql" / "functions", ROOT / "sql" / "matching"]:
        if rows := list(_rows(directory)):
            parts.append(
                f"## {directory.relative_to(ROOT)}\n\n| file | what lives there |\n|---|---|\n" + "\n".join(rows) + "\n"
            )
    return "\n".join(parts)


def _rows(directory: Path) -> Iterator[str]:
    for path in sorted((*directory.glob("*.py"), *directory.glob("*.sql"))):
        if path.name != "__init__.py":
            said = _docstring(path) if path.suffix == ".py" else _comment(path)
            escaped = said.replace("|", r"\|")
            yield f"| `{path.name}` | {escaped} |"


def _docstring(path: Path) -> str:
    """Its first paragraph."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split())


def _comment(path: Path) -> str:
    """The lines of comment it begins with."""
    lines: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("-- "):
            break
        lines.append(line.removeprefix("-- "))
    return " ".join(lines)


if __name__ == "__main__":
    MODULES_MD.write_text(modules_page(), encoding="utf-8")
