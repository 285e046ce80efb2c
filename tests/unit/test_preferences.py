"""What a request asks for in `Prefer` and `Idempotency-Key`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyledger.contract.errors import Detail, InvalidRequest
from keyledger.producer.preferences import Preferences, parse_idempotency_key, parse_prefer
from keyledger.producer.wire import headers_of

DEFAULT_S = 10.0
NOT_A_KEY = [Detail("Idempotency-Key", "must be 1 to 255 printable ASCII characters")]


@pytest.mark.parametrize(
    "raw", [None, b"", b" ", b",", b";", b"handling=lenient", b"return=minimal, x; wait=3"]
)
def test_without_a_known_preference_the_default_is_waited(raw: bytes | None) -> None:
    """And nothing is said to have been applied."""
    assert Preferences(10.0, is_async=False, applied="") == parse_prefer(raw, DEFAULT_S)


@pytest.mark.parametrize(
    ("raw", "wait_s", "applied"),
    [
        (b"wait=0", 0, "wait=0"),
        (b"wait=1", 1, "wait=1"),
        (b"wait=30", 30, "wait=30"),
        (b"wait=31", 30, "wait=30"),
        (b"wait=999999", 30, "wait=30"),
        (b"wait=007", 7, "wait=7"),
        (b'wait="5"', 5, "wait=5"),
        (b"WAIT=5", 5, "wait=5"),
        (b" wait = 5 ", 5, "wait=5"),
        (b"wait=5; strict", 5, "wait=5"),
        (b"handling=lenient, wait=5", 5, "wait=5"),
    ],
)
def test_the_wait_is_the_clients_up_to_thirty_seconds(raw: bytes, wait_s: float, applied: str) -> None:
    """What is echoed is what was applied, not what was asked for."""
    assert Preferences(wait_s, is_async=False, applied=applied) == parse_prefer(raw, DEFAULT_S)


@pytest.mark.parametrize(
    "raw", [b"respond-async", b"Respond-Async", b" respond-async ; x=1 ", b"a, respond-async"]
)
def test_a_client_may_ask_not_to_wait(raw: bytes) -> None:
    """In any case, among other preferences."""
    assert Preferences(10.0, is_async=True, applied="respond-async") == parse_prefer(raw, DEFAULT_S)


@pytest.mark.parametrize(
    ("raw", "applied"),
    [(b"respond-async, wait=5", "respond-async, wait=5"), (b"wait=5,respond-async", "wait=5, respond-async")],
)
def test_both_preferences_may_come_together(raw: bytes, applied: str) -> None:
    """RFC 7240 has them side by side."""
    assert Preferences(5, is_async=True, applied=applied) == parse_prefer(raw, DEFAULT_S)


@pytest.mark.parametrize(
    "raw",
    [b"wait", b"wait=", b"wait=-1", b"wait=+1", b"wait=1.5", b"wait=1e3", b"wait=x", b"wait=1 2", b"await=1",
     b"wait=5s", b"wait=99999999999999999999", b"respond-asynchronously", b"respond_async", b"\xff\xfe=\x00",
     b"wait=\xb2"],
)  # fmt: skip
def test_what_is_not_understood_is_ignored(raw: bytes) -> None:
    """As the RFC says: a preference is never an error."""
    assert Preferences(10.0) == parse_prefer(raw, DEFAULT_S)


def test_of_a_repeated_preference_the_first_counts() -> None:
    """RFC 7240, section 2: the first is used, and only that one is said to have been applied."""
    assert Preferences(5, is_async=False, applied="wait=5") == parse_prefer(b"wait=5, wait=7", DEFAULT_S)


@given(st.binary(max_size=60))
def test_no_prefer_header_is_ever_an_error(raw: bytes) -> None:
    """Whatever its bytes; the wait stays between nothing and thirty seconds."""
    assert 0 <= parse_prefer(raw, DEFAULT_S).wait_s <= 30


def test_without_the_header_there_is_no_key() -> None:
    """Then each request is a command of its own."""
    assert parse_idempotency_key(None) is None


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        (b"k", "k"),
        (b'"k"', "k"),
        (b' "k" ', "k"),
        (b" k ", "k"),
        (b'"a \\"b\\" c"', 'a "b" c'),
        (b'"a\\\\b"', "a\\b"),
        (b"a\\b", "a\\b"),
        (b'"', '"'),
        (b'k"', 'k"'),
        (b'"k', '"k'),
        (b"8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        (b"a b,c;d=e", "a b,c;d=e"),
        (b"!~", "!~"),
    ],
)
def test_a_key_with_and_without_its_quotes_is_one_key(raw: bytes, key: str) -> None:
    """A structured string is unquoted; what is none stays as it is."""
    assert key == parse_idempotency_key(raw)


@pytest.mark.parametrize("quote", [b"", b'"'], ids=["bare", "quoted"])
def test_a_key_has_at_most_255_characters(quote: bytes) -> None:
    """Without its quotes; 256 are refused, never cut."""
    assert "k" * 255 == parse_idempotency_key(quote + b"k" * 255 + quote)
    with pytest.raises(InvalidRequest) as refused:
        parse_idempotency_key(quote + b"k" * 256 + quote)
    assert NOT_A_KEY == refused.value.details


@pytest.mark.parametrize(
    "raw",
    [b"", b" ", b'""', b"a\x00b", b"a\tb", b"a\nb", b"\x7f", b"\x1f", "ключ".encode(), "é".encode("latin-1"),
     b"\x80", b'"a\n"', b'"\\\n"', b"k" * 100_000],
    ids=lambda raw: ascii(raw[:12]),
)  # fmt: skip
def test_what_cannot_be_a_key_is_an_error(raw: bytes) -> None:
    """Its sender relies on it, so it is not ignored; and it is not repeated in the answer."""
    with pytest.raises(InvalidRequest) as refused:
        parse_idempotency_key(raw)
    assert NOT_A_KEY == refused.value.details


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=255))
def test_every_printable_key_survives_quoting(key: str) -> None:
    """Structured strings escape quotes and backslashes (RFC 8941)."""
    quoted = '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert key == parse_idempotency_key(quoted.encode())


@given(st.binary(max_size=60))
def test_any_header_is_a_key_or_a_refusal(raw: bytes) -> None:
    """No other error ever comes out, and every key is printable."""
    try:
        key = parse_idempotency_key(raw)
    except InvalidRequest:
        return
    assert key is not None
    assert all(" " <= character <= "~" for character in key)


@pytest.mark.parametrize(
    "lines",
    [[b"respond-async", b"wait=5"], [b"wait=5", b"respond-async"], [b"wait=5", b"respond-async", b"x=1"]],
    ids=["async first", "wait first", "unknown last"],
)
def test_preferences_may_come_in_several_headers(lines: list[bytes]) -> None:
    """RFC 7240, section 2: several Prefer headers are one, joined by commas."""
    headers = headers_of({"headers": [(b"prefer", line) for line in lines]})
    preferences = parse_prefer(headers.get(b"prefer"), DEFAULT_S)
    assert (5, True) == (preferences.wait_s, preferences.is_async)
