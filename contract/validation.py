"""From a JSON body to a model, and pydantic's complaints in our words: which field, and what to do."""

from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from .errors import Detail, InvalidRequest

Model = TypeVar("Model", bound=BaseModel)

_WORDS: Final = {
    "missing": "is required",
    "string_type": "must be a string",
    "string_too_long": "at most {max_length} characters",
    "string_unicode": "must be valid Unicode",
    "int_type": "must be an integer",
    "list_type": "must be a list",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}


def json_object(body: object) -> dict[str, Any]:
    """The body, if it is an object; else InvalidRequest."""
    if not isinstance(body, dict):
        raise InvalidRequest([Detail("body", "must be a JSON object")])
    return body


def validated(model: type[Model], body: object) -> Model:
    """The model with the members of `body`; InvalidRequest lists every bad field."""
    try:
        return model.model_validate(json_object(body))
    except ValidationError as error:
        raise InvalidRequest([_detail(item) for item in error.errors(include_url=False)]) from None


def _detail(item: Any) -> Detail:
    field = ".".join(str(part) for part in item["loc"]) or "body"
    context = item.get("ctx") or {}
    if item["type"] == "value_error":
        return Detail(field, str(context["error"]))
    words = _WORDS.get(item["type"])
    return Detail(field, words.format(**context) if words else item["msg"])
