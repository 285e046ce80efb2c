"""API keys as text, and what is stored of them."""

import hashlib
import hmac
import re
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyledger.contract.api_key import make_api_key, parse_api_key

RANDOM = st.binary(min_size=48, max_size=64)
KEY = make_api_key(bytes(range(48)))


@given(RANDOM)
def test_a_new_key_has_the_form_of_the_contract(random_bytes: bytes) -> None:
    """`kl_<key id>_<secret><crc>` in letters and digits, and the id is the key's."""
    key = make_api_key(random_bytes)
    match = re.fullmatch(r"kl_([0-9A-Za-z]{12})_([0-9A-Za-z]{39})", key.text)
    assert match is not None
    assert match[1] == key.id


@given(RANDOM)
def test_a_new_key_is_read_back_as_itself(random_bytes: bytes) -> None:
    """Id and text."""
    key = make_api_key(random_bytes)
    assert key == parse_api_key(key.text)


@given(RANDOM, RANDOM)
def test_other_random_bytes_give_another_secret(one: bytes, other: bytes) -> None:
    """The last bytes matter as much as the first: all 45 letters are random."""
    numbers = [int.from_bytes(raw, "big") % 62**45 for raw in (one, other)]
    assert (numbers[0] == numbers[1]) == (make_api_key(one).text == make_api_key(other).text)


@given(RANDOM, st.data())
def test_a_mistyped_key_is_no_key(random_bytes: bytes, data: st.DataObject) -> None:
    """A CRC-32 finds every single wrong character."""
    text = make_api_key(random_bytes).text
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.characters(min_codepoint=33, max_codepoint=126).filter(lambda c: c != text[place]))
    assert parse_api_key(text[:place] + letter + text[place + 1 :]) is None


@pytest.mark.parametrize(
    "text",
    ["", "kl_", "kl__", KEY.text[:-1], KEY.text + "0", KEY.text + "\n", " " + KEY.text, KEY.text.upper(),
     KEY.text.replace("kl_", "sk_"), KEY.text.replace("_", "-"), "kl_" + "é" * 12 + KEY.text[15:],
     "kl_" + "٣" * 12 + KEY.text[15:], "k" * 10_000],
)  # fmt: skip
def test_what_has_another_form_is_no_key(text: str) -> None:
    """Not even with a line end after it."""
    assert parse_api_key(text) is None


def test_the_checksum_is_the_crc_32_of_what_stands_before_it() -> None:
    """So that secret scanners can tell a key without us: base 62, lowest digit first."""
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number = sum(alphabet.index(letter) * 62**place for place, letter in enumerate(KEY.text[-6:]))
    assert zlib.crc32(KEY.text[:-6].encode()) == number


def test_what_is_stored_is_an_hmac_under_the_pepper() -> None:
    """HMAC-SHA-256 of the whole text; another pepper gives another digest."""
    assert hmac.new(b"pepper", KEY.text.encode(), hashlib.sha256).digest() == KEY.digest(b"pepper")
    assert KEY.digest(b"pepper") != KEY.digest(b"Pepper")


def test_the_secret_is_not_in_the_repr() -> None:
    """A key that lands in a log line tells its id only."""
    assert f"ApiKey(id={KEY.id!r})" == repr(KEY)


def test_the_form_of_keys_never_changes() -> None:
    """Pinned: keys that were handed out must be read for ever."""
    text = "kl_dAN65N618RxO_D2hvi2dx6xWyUCdYbGCHOOsf8KekCPUiD0TrZr1"
    assert text == KEY.text
