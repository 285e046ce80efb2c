"""Every error has one shape, and says nothing that is not the caller's to know."""

from http import HTTPStatus

import pytest

from keyledger.contract.errors import (
    PROBLEM_BY_CODE,
    Detail,
    InternalError,
    InvalidRequest,
    NotFound,
    Problem,
    TooMany,
    Unavailable,
    error_body,
)


def test_every_status_of_the_contract_has_its_error() -> None:
    """No more and no less."""
    assert {400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 500, 503} == set(PROBLEM_BY_CODE)


def test_every_kind_of_error_is_found_by_its_status() -> None:
    """A new subclass of Problem must be in the table."""
    assert set(Problem.__subclasses__()) == set(PROBLEM_BY_CODE.values())
    assert {code: code for code in PROBLEM_BY_CODE} == {c: p.code for c, p in PROBLEM_BY_CODE.items()}


@pytest.mark.parametrize("problem", PROBLEM_BY_CODE.values(), ids=lambda problem: problem.__name__)
def test_an_error_has_name_message_and_code(problem: type[Problem]) -> None:
    """And nothing else where no field is to blame."""
    expected = {"error": HTTPStatus(problem.code).phrase, "message": problem.message, "code": problem.code}
    assert expected == problem().body()
    assert problem.message == str(problem())


def test_the_contracts_example_comes_out() -> None:
    """Word for word, in its order."""
    expected = {
        "error": "Bad Request",
        "message": "The request contains invalid parameters or malformed data",
        "code": 400,
        "details": [{"field": "note", "message": "at most 500 characters"}],
    }
    body = InvalidRequest([Detail("note", "at most 500 characters")]).body()
    assert expected == body
    assert list(expected) == list(body)


def test_not_found_has_the_public_apis_words() -> None:
    """The same for a user, a key and a command."""
    assert "The requested resource was not found" == NotFound().body()["message"]


def test_a_text_of_its_own_replaces_the_message() -> None:
    """And is no detail."""
    expected = {"error": "Not Found", "message": "No such road", "code": 404}
    assert expected == NotFound("No such road").body()


def test_details_do_not_replace_the_message() -> None:
    """Both are told."""
    assert InvalidRequest.message == InvalidRequest([Detail("a", "b")]).body()["message"]


@pytest.mark.parametrize("details", [None, []], ids=["none", "empty"])
def test_without_details_there_is_no_such_member(details: list[Detail] | None) -> None:
    """It is never null nor empty."""
    assert "details" not in InvalidRequest(details).body()
    assert "details" not in error_body(400, "x", details)


def test_a_time_to_wait_becomes_a_header() -> None:
    """`Retry-After` in whole seconds, zero too, beside the other headers."""
    assert {"Retry-After": "7"} == TooMany(retry_after_s=7).headers
    assert {"Retry-After": "0"} == TooMany(retry_after_s=0).headers
    assert {"Allow": "POST", "Retry-After": "1"} == Unavailable(
        retry_after_s=1, headers={"Allow": "POST"}
    ).headers


def test_errors_share_nothing() -> None:
    """The headers of one never turn up in another, nor in the dictionary that was given."""
    given = {"Allow": "POST"}
    Unavailable(retry_after_s=1, headers=given)
    TooMany().headers["Retry-After"] = "9"
    assert {"Allow": "POST"} == given
    assert {} == TooMany().headers


def test_an_internal_error_says_nothing_of_what_caused_it() -> None:
    """Its cause stays on our side."""
    with pytest.raises(InternalError) as refused:
        raise InternalError from RuntimeError("secret of the database")
    assert "secret" not in str(refused.value.body()) + str(refused.value)
