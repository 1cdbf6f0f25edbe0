"""The JSON Schemas of the program's documents, and the check that every document in every test goes through."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

import billing_cli

DIRECTORY = Path(billing_cli.__file__).parent / "schemas"
COMMON = "common.json"


@cache
def schemas() -> dict[str, dict[str, Any]]:
    """By the name of the document: billing.export/v1."""
    read = (json.loads(path.read_text()) for path in sorted(DIRECTORY.glob("billing.*.json")))
    return {schema["title"]: schema for schema in read}


@cache
def common() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((DIRECTORY / COMMON).read_text())
    return read


def check(document: Mapping[str, Any]) -> None:
    """Raises AssertionError naming what is wrong with a document, and where."""
    name = document.get("schema", "a document without a name")
    assert name in schemas(), f"There is no schema of {name} in {DIRECTORY}."
    wrong = [f"{error.instance_path}: {error.message[:500]}" for error in _errors(name, document)]
    assert not wrong, f"{name} is not what its schema says:\n" + "\n".join(wrong)


def _errors(name: str, document: Mapping[str, Any]) -> list[jsonschema_rs.ValidationError]:
    """Where a document has alternatives, what is wrong with the one that comes closest, for that says most."""
    errors = list(validator(name).iter_errors(document))
    alternatives = [getattr(error.kind, "context", None) for error in errors]
    closest = [min(each, key=len) for each in alternatives if each and min(map(len, each))]
    return [error for found in closest for error in found] or errors


@cache
def validator(name: str) -> jsonschema_rs.Validator:
    return validator_of(schemas()[name])


def validator_of(schema: dict[str, Any]) -> jsonschema_rs.Validator:
    return jsonschema_rs.Draft202012Validator(schema, registry=_registry())


@cache
def _registry() -> jsonschema_rs.Registry:
    """Files find each other by their names, as they do on disk."""
    found = {path.name: json.loads(path.read_text()) for path in DIRECTORY.glob("*.json")}
    return jsonschema_rs.Registry([(f"json-schema:///{name}", schema) for name, schema in found.items()])
