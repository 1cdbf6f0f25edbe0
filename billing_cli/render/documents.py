"""Every JSON document: its name and version, and how it is written. billing_cli/schemas describes each of them."""

import json
from collections.abc import Mapping


def document(noun: str, fields: Mapping[str, object]) -> dict[str, object]:
    return {"schema": f"billing.{noun}/v1", **fields}


def json_text(noun: str, fields: Mapping[str, object], indent: int | None = None) -> str:
    """The whole document, on one line unless `indent` is given."""
    return json.dumps(document(noun, fields), default=str, indent=indent)


def error_document(exit_code: int, message: str, next_step: str) -> dict[str, object]:
    return {"exit_code": exit_code, "message": message, "next_step": next_step}
