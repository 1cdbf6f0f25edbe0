"""The objects in `public` that our SQL files create, by name; everything else is the application's own."""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from billing_cli.domain.errors import Misconfigured
from billing_cli.domain.migrations import FUNCTIONS, SqlFile

LEDGER = "billing_schema_migrations"
_TABLE = re.compile(r"^\s*create table (?:if not exists )?public\.(billing_\w+)", re.MULTILINE)
_TYPE = re.compile(r"^\s*create type public\.(billing_\w+)", re.MULTILINE)
_FUNCTION = re.compile(r"^\s*create (?:or replace )?function public\.(billing_\w+)", re.MULTILINE)
_BODY = re.compile(r"^create or replace function public\.(billing_\w+)\s*\(.*?\$\$(.*?)\$\$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Names:
    """Sorted, without the schema: tables, enums, functions. A function's name covers its overloads."""

    relations: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()

    def document(self) -> dict[str, list[str]]:
        return {"relations": [*self.relations], "types": [*self.types], "functions": [*self.functions]}


def created_by(files: Iterable[SqlFile]) -> Names:
    """The ledger of applied files is not among them: the migrator creates it."""
    text = "\n".join(file.text for file in files)
    return Names(*(tuple(sorted({*sign.findall(text)})) for sign in (_TABLE, _TYPE, _FUNCTION)))


def ours(files: Iterable[SqlFile]) -> Names:
    """The names that are ours once all files are applied, the ledger's included."""
    created = created_by(files)
    return Names(tuple(sorted((*created.relations, LEDGER))), created.types, created.functions)


def to_be_free(pending: Iterable[SqlFile], applied: Mapping[str, str]) -> Names:
    """The names that must not exist before the pending files are applied.

    Functions count only before the first file is applied: later versions move functions between files, and what was
    applied may be forgotten on purpose, so that all are created again.
    """
    return created_by(file for file in pending if file.name not in applied and not (applied and _is_code(file)))


def lost_functions(file: SqlFile, found: Mapping[str, Collection[str]]) -> list[str]:
    """The functions of a file that the database does not have with the body of the file.

    `found` is name to the MD5 of each overload's body. Overloads of the application do not matter.
    """
    wanted = ((name, hashlib.md5(body.encode()).hexdigest()) for name, body in _BODY.findall(file.text))  # noqa: S324
    return [name for name, body in wanted if body not in found.get(name, ())]


def in_force(
    files: Iterable[SqlFile], applied: Mapping[str, str], found: Mapping[str, Collection[str]]
) -> dict[str, str]:
    """`applied`, with an empty checksum for files of functions that were dropped or replaced by hand."""
    lost = [file.name for file in files if _is_code(file) and lost_functions(file, found)]
    return {name: "" if name in lost else checksum for name, checksum in applied.items()}


def refuse_clashes(taken: Names) -> None:
    """Raises Misconfigured, which names each object, if there are any."""
    clashing = [
        *(f"table public.{name}" for name in taken.relations),
        *(f"type public.{name}" for name in taken.types),
        *(f"function public.{name}" for name in taken.functions),
    ]
    if clashing:
        raise Misconfigured(
            f"Names that billing needs are taken: {', '.join(clashing)}. Nothing was applied.",
            "Rename them, or give billing a database of its own.",
        )


def _is_code(file: SqlFile) -> bool:
    return file.kind == FUNCTIONS
