"""The schemas themselves: whole, closed, described, of the code's own words, with an example for every alternative."""

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jq
import json_output
import jsonschema_rs
import pytest
from support import schemas

from billing_cli.domain.audit import Problem
from billing_cli.domain.batch import ItemState
from billing_cli.domain.doctor import Subject as Examined
from billing_cli.domain.export_warning import WARNING_CODES
from billing_cli.domain.intent import IntentKind, IntentState
from billing_cli.domain.invoice import InvoiceStatus
from billing_cli.domain.invoice_file import FileState
from billing_cli.domain.keeping import Source
from billing_cli.domain.kept_event import KeptState
from billing_cli.domain.meter import Backend
from billing_cli.domain.reconciliation import Subject as Compared
from billing_cli.domain.reconciliation import Verdict as Class
from billing_cli.domain.rollback import FATES
from billing_cli.domain.skip import SKIP_REASONS
from billing_cli.domain.verdict import Level
from billing_cli.domain.verification import Verdict
from billing_cli.domain.webhook_signature import Failure
from billing_cli.sandbox.simulator.faults import KINDS

Part = Mapping[str, Any]
EVERY = {schemas.COMMON: schemas.common(), **schemas.schemas()}
NAMED = schemas.schemas()
# Where each list of words comes from; those of the database and of one command stand here.
WORDS: dict[tuple[str, str], Any] = {
    (schemas.COMMON, "backend"): Backend,
    (schemas.COMMON, "level"): Level,
    (schemas.COMMON, "batch_state"): ("open", "done", "rolling_back"),
    (schemas.COMMON, "item_state"): ItemState,
    (schemas.COMMON, "intent_kind"): IntentKind,
    (schemas.COMMON, "intent_state"): IntentState,
    (schemas.COMMON, "total_verdict"): Verdict,
    (schemas.COMMON, "event_source"): Source,
    (schemas.COMMON, "event_state"): KeptState,
    ("billing.approvals/v1", "state"): ("usable", "used", "revoked", "expired"),
    ("billing.audit-verify/v1", "problem"): Problem,
    ("billing.batch-rollback/v1", "fate"): FATES,
    ("billing.doctor/v1", "subject"): Examined,
    ("billing.export/v1", "skip_reason"): SKIP_REASONS,
    ("billing.export/v1", "code"): WARNING_CODES,
    ("billing.invoice-files/v1", "file_state"): FileState,
    ("billing.invoices/v1", "invoice_status"): InvoiceStatus,
    ("billing.reconciliation/v1", "class"): Class,
    ("billing.reconciliation/v1", "subject"): Compared,
    ("billing.reconciliation/v1", "side"): ("stripe", "here"),
    ("billing.sandbox/v1", "fault_kind"): KINDS,
    ("billing.sandbox/v1", "state"): ("running", "stopped", "dead"),
    ("billing.schema/v1", "state"): ("applied", "pending", "changed", "edited", "unknown"),
    ("billing.webhook-check/v1", "failure"): (*Failure, "no_event"),
    ("billing.webhook/v1", "replay_state"): ("pending", "delivered", "failed"),
}
# Whose fields are Stripe's, or depend on the command or the action.
FREE = {"request", "details", "changes"}
# Whose fields are named by what they are about.
BY_NAME = {"facts", "by_type", "by_status", "backends"}
# By which a longer alternative of a document differs from a shorter one.
ADDED = {"kept", "env_file"}


def parts(schema: Part, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Part]]:
    """Everything in it that is a schema, and where it stands."""
    yield path, schema
    for name in ("$defs", "properties"):
        for key, below in schema.get(name, {}).items():
            yield from parts(below, (*path, name, key))
    for name in ("items", "additionalProperties", "not"):
        if isinstance(schema.get(name), Mapping):
            yield from parts(schema[name], (*path, name))
    for name in ("oneOf", "anyOf", "allOf"):
        for number, below in enumerate(schema.get(name, ())):
            yield from parts(below, (*path, name, str(number)))


def target(name: str, ref: str) -> Part:
    """What a reference in the schema `name` is to."""
    file, _, pointer = ref.partition("#")
    found: Any = EVERY[re.sub(r"^billing\.(.+)\.v1\.json$", r"billing.\1/v1", file) if file else name]
    for step in pointer.split("/")[1:]:
        found = found[step]
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", EVERY)
def test_it_is_a_schema_of_the_draft_it_names(name: str) -> None:
    assert EVERY[name]["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema_rs.meta.validate(EVERY[name])


def test_a_file_is_named_like_its_document() -> None:
    for path in schemas.DIRECTORY.glob("billing.*.json"):
        noun = path.name.removeprefix("billing.").removesuffix(".v1.json")
        assert NAMED[f"billing.{noun}/v1"]["properties"]["schema"]["const"] == f"billing.{noun}/v1"


@pytest.mark.parametrize("name", EVERY)
def test_every_property_is_described_with_its_unit(name: str) -> None:
    for path, part in parts(EVERY[name]):
        for field, value in part.get("properties", {}).items():
            says = value.get("description") or target(name, value["$ref"])["description"]
            for ending, unit in (
                ("_s", "in seconds"),
                ("_ms", "in milliseconds"),
                ("bytes", "in bytes"),
                ("_at", "UTC"),
            ):
                assert unit in says or not field.endswith(ending) or field.startswith("signed"), (*path, field)
            assert "minor unit" in says or "smallest unit" in says or not field.endswith("_minor"), (*path, field)
            assert says.endswith(".") or says.endswith("…"), (*path, field, says)


@pytest.mark.parametrize("name", EVERY)
def test_every_object_is_closed_and_lacks_nothing(name: str) -> None:
    for path, part in parts(EVERY[name]):
        if "properties" not in part:
            continue
        here = [field for field in part["properties"] if field != "schema"]
        assert [field for field in part["required"] if field != "schema"] == here, path
        closed = part.get("additionalProperties") is False or part.get("unevaluatedProperties") is False
        assert closed or path[:-1] == ("$defs",), f"{path} takes fields that nobody wrote down"


@pytest.mark.parametrize("name", EVERY)
def test_what_others_extend_is_closed_where_it_is_used(name: str) -> None:
    assert "oneOf" not in EVERY[name] or EVERY[name]["unevaluatedProperties"] is False
    for path, part in parts(EVERY[name]):
        if "$ref" in part and is_open(name, part):
            extends = path[:1] == ("oneOf",) or (path[:1] == ("$defs",) and (len(path) == 2 or path[2] == "allOf"))
            assert extends, f"{path} refers to {part['$ref']} and does not close it"


def is_open(name: str, part: Part) -> bool:
    if part.get("additionalProperties") is False or part.get("unevaluatedProperties") is False:
        return False
    if ref := part.get("$ref"):
        return is_open(schemas.COMMON if ref.startswith("common") else name, target(name, ref))
    return "properties" in part


@pytest.mark.parametrize("name", EVERY)
def test_words_are_those_of_the_code(name: str) -> None:
    for path, part in parts(EVERY[name]):
        if "enum" in part:
            assert part["enum"] == [str(word) for word in WORDS[name, path[-1]]], path


def test_every_list_of_words_is_held_against_the_code() -> None:
    found = {(name, path[-1]) for name, schema in EVERY.items() for path, part in parts(schema) if "enum" in part}
    assert found == WORDS.keys()


@pytest.mark.parametrize("name", NAMED)
def test_every_alternative_has_an_example(name: str) -> None:
    schema = NAMED[name]
    for example in schema["examples"]:
        schemas.check(example)
    for alternative in schema.get("oneOf", ()):
        alone = schemas.validator_of({**schema, "oneOf": [alternative]})
        assert any(map(alone.is_valid, schema["examples"])), alternative


@pytest.mark.parametrize("name", NAMED)
def test_a_field_more_or_a_field_less_is_red_everywhere(name: str) -> None:
    """Unless it is in a part whose fields are not ours."""
    tried = 0
    for example in NAMED[name]["examples"]:
        for changed in changes(example):
            tried += 1
            assert not schemas.validator(name).is_valid(changed), changed
    assert tried


def changes(document: Any) -> Iterator[Any]:
    """The document with one field more, or one less, in every object that it has."""
    for path, found in objects(document, ()):
        yield changed(document, path, lambda it: it.update(nobody_wrote_this_down={"a": 1}))
        if not path or path[-1] not in BY_NAME:
            for field in found.keys() - ADDED:
                yield changed(document, path, _without(field))


def _without(field: str) -> Callable[[dict[str, Any]], object]:
    return lambda it: it.pop(field)


def objects(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    if isinstance(value, dict):
        yield path, value
    for key, below in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if key not in FREE:
            yield from objects(below, (*path, key))


def changed(document: Any, path: tuple[str | int, ...], change: Callable[[dict[str, Any]], object]) -> Any:
    copied = found = copy.deepcopy(document)
    for step in path:
        found = found[step]
    change(found)
    return copied


def test_a_document_without_a_schema_is_red() -> None:
    with pytest.raises(AssertionError, match=r"There is no schema of billing.new/v1"):
        schemas.check({"schema": "billing.new/v1"})


def test_the_page_is_what_the_schemas_say() -> None:
    assert json_output.PAGE.read_text(encoding="utf-8") == json_output.page(), "Run: make docs"


def test_every_line_for_scripts_works_on_the_examples() -> None:
    text = json_output.PAGE.read_text(encoding="utf-8").split("\n## For scripts")[1].split("\n## ")[0]
    lines = re.findall(r"billing --json (.+?) \| jq -\w+ '(.+)'", text)
    assert len(lines) == 9
    for words, program in lines:
        assert _printed([*_examples(words)], program), f"{words}: {program} prints nothing"
    (general,) = re.findall(r"`jq -r '(select.+)'`", text)
    (error,) = NAMED["billing.error/v1"]["examples"]
    assert _printed([error, *_examples("batches list")], general) == [error["message"], error["next_step"]]


def _examples(words: str) -> Iterator[Any]:
    for schema in NAMED.values():
        if any(f"{words} ".startswith(f"{command} ") for command in schema["x-printed-by"]):
            yield from schema["examples"]


def _printed(examples: list[Any], program: str) -> list[Any]:
    compiled = jq.compile(program)
    return [line for example in examples for line in compiled.input_value(example).all()]
