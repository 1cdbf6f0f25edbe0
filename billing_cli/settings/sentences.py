"""What is wrong with settings, in our words."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

# By pydantic's name of the error; the rest is told in pydantic's words.
_SAID = {
    "extra_forbidden": "is not known",
    "missing": "is missing",
    "value_error": "is refused: {error}",
    "enum": "must be {expected}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "string_type": "must be text in quotes",
    "path_type": "must be text in quotes",
    "dict_type": "must be a section",
    "model_type": "must be a section",
    "frozen_set_type": "must be a list",
    "tuple_type": "must be a list",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "decimal_type": "must be a number",
    "decimal_parsing": "must be a number",
}


def places(error: ValidationError) -> str:
    """Where the trouble is and what is wanted there, without the values, which may be secrets."""
    return "; ".join(
        f"{'.'.join(map(str, each['loc']))} {_wanted(each['type'], each.get('ctx', {}), each['msg'])}"
        for each in error.errors(include_input=False)
    )


def _wanted(kind: str, limits: Mapping[str, Any], said: str) -> str:
    template = _SAID.get(kind)
    return template.format(**limits) if template else f"is refused: {said}"
