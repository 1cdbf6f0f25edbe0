"""Writes the reference in docs/json-output.md: every document and its parts, from billing_cli/schemas."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Schema = Mapping[str, Any]
ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "json-output.md"
SCHEMAS = ROOT / "billing_cli" / "schemas"
MARKS = (
    "<!-- What follows is made by `make docs` from billing_cli/schemas; edit those. -->\n",
    "<!-- The end of it. -->",
)
COMMON: Schema = json.loads((SCHEMAS / "common.json").read_text(encoding="utf-8"))["$defs"]
# In a shared definition a leading part of another name is one that others extend.
_EXTENDED = "_fields"
_WIDTH = 110


def page() -> str:
    """The page with its reference made anew; what was written by hand stays."""
    before, rest = PAGE.read_text(encoding="utf-8").split(MARKS[0])
    return before + MARKS[0] + "\n" + "\n".join(_reference()) + "\n" + MARKS[1] + rest.split(MARKS[1])[1]


def documents() -> dict[str, Schema]:
    """By their names."""
    read = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(SCHEMAS.glob("billing.*.json"))]
    return {schema["title"]: schema for schema in read}


def _reference() -> Iterator[str]:
    yield "## Types\n\n| type | what |\n|---|---|"
    yield from (f"| {name} | {_cell(part)} |" for name, part in COMMON.items() if not _is_object(part))
    yield "\n## Documents\n\n| document | printed by |\n|---|---|"
    for name, schema in documents().items():
        yield f"| [`{name}`](#{_anchor(name)}) | {_printed_by(schema['x-printed-by'])} |"
    for name, schema in documents().items():
        yield from _document(name, schema)
    yield "\n## Parts\n\nWhat several documents have in common."
    for name, part in COMMON.items():
        if "properties" in part:
            yield f"\n### {_part(name)}\n\n{part['description']}\n\n{_table(part, {})}"


def _printed_by(commands: list[str]) -> str:
    if commands == ["every command"]:
        return "every command"
    return ", ".join(f"`{command}`" for command in commands) or "not printed"


def _document(name: str, schema: Schema) -> Iterator[str]:
    yield f"\n### {name}\n\n{schema['description']}"
    local = schema.get("$defs", {})
    alternatives = [local[ref["$ref"].split("/")[-1]] for ref in schema.get("oneOf", ())]
    for alternative in alternatives or [schema]:
        if alternatives:
            yield f"\n{alternative['description']}"
        yield f"\n{_table(alternative, local)}"
    for example in schema["examples"]:
        yield f"\n```json\n{compact(example)}\n```"


def _table(part: Schema, local: Schema) -> str:
    rows = "\n".join(f"| `{path}` | {kind} | {says} |" for path, kind, says in _rows("", part, local))
    also = ", ".join(f"[{_part(name)}](#{_part(name)})" for name in _extends(part, local))
    return (f"All of {also}" + (", and:" if rows else ".") if also else "") + (
        f"{chr(10) * 2 if also else ''}| field | type | what |\n|---|---|---|\n{rows}" if rows else ""
    )


def _extends(part: Schema, local: Schema) -> Iterator[str]:
    """Shared parts whose fields it has as its own."""
    for ref in [part, *part.get("allOf", ())]:
        if found := _local(ref, local):
            yield from _extends(found, local)
        elif "$ref" in ref:
            yield ref["$ref"].split("/")[-1]


def _rows(path: str, part: Schema, local: Schema) -> Iterator[tuple[str, str, str]]:
    """A row each for what it has, what that has, and so on, as far as it stands here and not elsewhere."""
    for each in [part, *part.get("allOf", ())]:
        if found := _local(each, local):
            yield from _rows(path, found, local)
        for field, value in each.get("properties", {}).items():
            if path or field != "schema":
                yield f"{path}{field}", _kind(value, local), _says(value, local)
                yield from _below(f"{path}{field}", value, local)


def _below(path: str, value: Schema, local: Schema) -> Iterator[tuple[str, str, str]]:
    target = _resolved(value, local)
    if "items" in target:
        yield from _below(f"{path}[]", target["items"], local)
    elif "anyOf" in target or "oneOf" in target:
        for alternative in target.get("anyOf", target.get("oneOf", ())):
            yield from _below(path, alternative, local)
    else:
        yield from _rows(f"{path}.", target, local)


def _resolved(value: Schema, local: Schema) -> Schema:
    """What stands for it here; a shared part stands in a place of its own."""
    found = _local(value, local)
    return {**found, **{k: v for k, v in value.items() if k != "$ref"}} if found else value


def _local(value: Schema, local: Schema) -> Schema | None:
    """What it refers to in its own document."""
    file, _, pointer = value.get("$ref", "").partition("#")
    found: Schema | None = None if file else local.get(pointer.split("/")[-1])
    return found


def _kind(value: Schema, local: Schema) -> str:
    if "const" in value:
        return f"`{value['const']}`"
    if ref := value.get("$ref"):
        found = _local(value, local)
        return _kind(found, local) if found else _link(ref)
    if alternatives := value.get("anyOf", value.get("oneOf")):
        return " or ".join(dict.fromkeys(_kind(each, local) for each in alternatives))
    if "enum" in value:
        return ", ".join(f"`{each}`" for each in value["enum"])
    if "items" in value:
        return f"list of {_kind(value['items'], local)}"
    if isinstance(value.get("additionalProperties"), Mapping):
        return f"{_kind(value['additionalProperties'], local)} by name"
    kinds = value.get("type", "anything")
    return " or ".join([kinds] if isinstance(kinds, str) else kinds)


def _link(ref: str) -> str:
    name = ref.split("/")[-1]
    if name.endswith(".json"):
        return f"[`{name.removesuffix('.v1.json')}/v1`](#{_anchor(name.removesuffix('.v1.json') + '/v1')})"
    return f"[{_part(name)}](#{_part(name)})" if _is_object(COMMON[name]) else f"[{name}](#types)"


def _says(value: Schema, local: Schema) -> str:
    found = _local(value, local) or COMMON.get(value.get("$ref", "").split("/")[-1]) or {}
    return str(value.get("description") or found.get("description", ""))


def _cell(part: Schema) -> str:
    values = ", ".join(f"`{value}`" for value in part.get("enum", ()))
    return f"{part['description']} {values}".strip()


def _is_object(part: Schema) -> bool:
    return (part.get("type") == "object" and "properties" in part) or "$ref" in part


def _part(name: str) -> str:
    return name.removesuffix(_EXTENDED).replace("_", "-")


def _anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def compact(value: Any, depth: int = 0) -> str:
    """JSON with as much on a line as fits there."""
    flat = json.dumps(value, ensure_ascii=False)
    if not value or not isinstance(value, dict | list) or (depth and depth + len(flat) <= _WIDTH):
        return flat
    pairs = (
        [(f'"{key}": ', each) for key, each in value.items()] if isinstance(value, dict) else [("", v) for v in value]
    )
    lines: list[str] = []
    for piece in (key + compact(each, depth + 1) for key, each in pairs):
        if lines and "\n" not in lines[-1] + piece and depth + len(lines[-1]) + len(piece) + 3 <= _WIDTH:
            lines[-1] += f", {piece}"
        else:
            lines.append(piece)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    inner = ",\n".join(" " * (depth + 1) + line for line in lines)
    return f"{opening}\n{inner}\n{' ' * depth}{closing}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
