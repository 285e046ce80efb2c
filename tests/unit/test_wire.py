"""HTTP as this API speaks it: ids in paths, errors in both shapes, the id of a request."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyledger.contract.errors import Detail, InvalidRequest, NotFound, TooMany
from keyledger.contract.text import check_identifier
from keyledger.producer.wire import error_answer, identifier_in_path, json_answer, request_id

PROBLEM_JSON = {b"accept": b"application/problem+json"}
INVALID = InvalidRequest([Detail("note", "at most 500 characters")])


def refusal_of(segment: str) -> str:
    with pytest.raises(InvalidRequest) as refused:
        identifier_in_path(segment)
    (detail,) = refused.value.details
    assert "id" == detail.field
    return detail.message


def is_identifier(text: str) -> bool:
    try:
        return check_identifier(text) == text
    except ValueError:
        return False


@pytest.mark.parametrize(
    ("segment", "id_"),
    [
        ("ada", "ada"),
        ("%61da", "ada"),
        ("%F0%9F%94%91", "🔑"),
        ("%f0%9f%94%91", "🔑"),
        ("a+b", "a+b"),
        ("a%20b", "a b"),
        ("%25", "%"),
        ("%252F", "%2F"),
        ("...", "..."),
        ("%E9%8D%B5", "鍵"),
        ("a%5Cb", "a\\b"),
        ("a%3Fb%23c", "a?b#c"),
        ("auth0%7C5f7c8ec7", "auth0|5f7c8ec7"),
    ],
)
def test_an_id_is_decoded_once(segment: str, id_: str) -> None:
    """Percent-encoded UTF-8; a plus is a plus."""
    assert id_ == identifier_in_path(segment)


@pytest.mark.parametrize("segment", ["%2F", "a%2Fb", "a%2fb", ".", "..", "%2E", "%2e%2E", ".%2e", "..%2f.."])
def test_an_encoded_slash_or_dot_is_still_one(segment: str) -> None:
    """No id walks through paths."""
    assert 'must not contain "/" and must not be "." or ".."' == refusal_of(segment)


@pytest.mark.parametrize("segment", ["%", "a%", "%4", "%4g", "%zz", "%%41", "%u0041", "%+1", "% 1", "%-1"])
def test_a_percent_sign_that_encodes_nothing_is_refused(segment: str) -> None:
    """It is not guessed what was meant."""
    assert "must be percent-encoded UTF-8" == refusal_of(segment)


@pytest.mark.parametrize("segment", ["%FF", "%C0%AF", "%ED%A0%80", "%C3", "%F0%9F%94", "%E9"])
def test_what_does_not_decode_to_utf_8_is_refused(segment: str) -> None:
    """Neither overlong forms nor surrogates nor Latin-1."""
    assert "must be percent-encoded UTF-8" == refusal_of(segment)


@pytest.mark.parametrize("segment", ["%00", "a%00", "%0A", "a%0D%0Ab", "%1B", "%7F", "%C2%85"])
def test_encoded_control_characters_are_refused(segment: str) -> None:
    """NUL and line ends above all."""
    assert "must not contain control characters or lone surrogates" == refusal_of(segment)


@pytest.mark.parametrize("character", ["a", "é", "🔑"])
def test_the_length_of_an_id_is_counted_after_decoding(character: str) -> None:
    """200 code points fit, 201 do not, however long they are in the path."""
    assert character * 200 == identifier_in_path(quote(character * 200, safe=""))
    assert "must have 1 to 200 characters" == refusal_of(quote(character * 201, safe=""))
    assert "must have 1 to 200 characters" == refusal_of("")


@given(st.text("ab/.%é🔑\x00\x85", max_size=5) | st.text(max_size=20))
def test_every_id_can_be_written_in_a_path_and_nothing_else(text: str) -> None:
    """A path takes exactly what a body takes."""
    segment = quote(text, safe="", errors="surrogatepass")
    if is_identifier(text):
        assert text == identifier_in_path(segment)
    else:
        assert "must" in refusal_of(segment)


@pytest.mark.parametrize("accept", [None, b"*/*", b"application/json", b"text/html,*/*;q=0.8"])
def test_an_error_has_the_public_apis_shape(accept: bytes | None) -> None:
    """Unless something else is asked for."""
    answered = error_answer(INVALID, {b"accept": accept} if accept else {})
    assert (400, "application/json") == (answered.status, answered.content_type)
    assert INVALID.body() == json.loads(answered.body)


@pytest.mark.parametrize(
    "accept", [b"application/problem+json", b"application/json, application/problem+json"]
)
def test_a_client_may_ask_for_problem_details(accept: bytes) -> None:
    """RFC 9457, with the details as `errors`."""
    answered = error_answer(INVALID, {b"accept": accept})
    expected = {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "The request contains invalid parameters or malformed data",
        "errors": [{"field": "note", "message": "at most 500 characters"}],
    }
    assert (400, "application/problem+json") == (answered.status, answered.content_type)
    assert expected == json.loads(answered.body)


def test_problem_details_without_fields_have_no_errors() -> None:
    """Absent is left out."""
    assert {"type", "title", "status", "detail"} == set(
        json.loads(error_answer(NotFound(), PROBLEM_JSON).body)
    )


@pytest.mark.parametrize("headers", [{}, PROBLEM_JSON], ids=["json", "problem+json"])
def test_an_error_keeps_its_headers_in_either_shape(headers: dict[bytes, bytes]) -> None:
    """`Retry-After` above all."""
    assert {"Retry-After": "7"} == error_answer(TooMany(retry_after_s=7), headers).headers


def test_an_answer_is_json_in_utf_8() -> None:
    """With its status and headers."""
    answered = json_answer(201, {"note": "🔑"}, {"A": "b"})
    assert (201, '{"note":"🔑"}'.encode(), {"A": "b"}) == (answered.status, answered.body, answered.headers)


@pytest.mark.parametrize("given_id", [b"a", b"8e03978e-40d5-43dd", b"x" * 128, b"!~"])
def test_a_sane_request_id_is_the_clients(given_id: bytes) -> None:
    """So that both sides' logs can be joined."""
    assert given_id.decode() == request_id({b"x-request-id": given_id})


@pytest.mark.parametrize(
    "given_id", [b"", b" ", b"a b", b"a\r\nSet-Cookie: x", b"a\n", b"\x00", b"x" * 129, b"\xe9"]
)
def test_any_other_request_id_is_replaced(given_id: bytes) -> None:
    """Nothing unprintable and nothing long reaches an answer or a log."""
    replaced = request_id({b"x-request-id": given_id})
    assert given_id != replaced.encode()
    assert replaced == request_id({b"x-request-id": replaced.encode()})


def test_new_request_ids_are_never_the_same() -> None:
    """Each request has its own."""
    assert 1_000 == len({request_id({}) for _ in range(1_000)})
