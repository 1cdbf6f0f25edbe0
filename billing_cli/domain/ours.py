"""The objects in `public` that our SQL files create, by name; everything else is the application's own."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from billing_cli.domain.errors import Misconfigured
from billing_cli.domain.migrations import FUNCTIONS, SqlFile

LEDGER = "billing_schema_migrations"
_TABLE = re.compile(r"^\s*create table (?:if not exists )?public\.(billing_\w+)", re.MULTILINE)
_TYPE = re.compile(r"^\s*create type public\.(billing_\w+)", re.MULTILINE)
_FUNCTION = re.compile(r"^\s*create (?:or replace )?function public\.(billing_\w+)", re.MULTILINE)


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

    Functions count only while no file of functions was applied: later versions move functions between files.
    """
    has_functions = any(name.startswith(f"{FUNCTIONS}/") for name in applied)
    return created_by(file for file in pending if file.name not in applied and not (has_functions and _is_code(file)))


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
