"""Which strings may be stored, signed, logged and shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyledger.contract.text import check_identifier, check_note, check_plain

C0 = [chr(code) for code in range(0x20)]
DELETE_AND_C1 = [chr(code) for code in range(0x7F, 0xA0)]
LONE_SURROGATES = ["\ud800", "\udbff", "\udc00", "\udfff"]
ALLOWED_IN_NOTES = ["\t", "\n", "\r"]
CHECKS = {"plain": check_plain, "identifier": check_identifier, "note": check_note}


def name_of(character: str) -> str:
    return f"U+{ord(character):04X}"


@pytest.mark.parametrize("kind", CHECKS)
@pytest.mark.parametrize(
    "text",
    [
        "Ada",
        "Zoë Ångström",
        "שלום",
        "鍵の台帳",
        "🔑👩‍👩‍👧",
        "a b",
        "\u00a0",
        "\ufffd",
        "\U0010ffff",
        "~",
        "é",
        "e\u0301",
    ],
)
def test_every_script_and_emoji_are_kept_as_they_came(kind: str, text: str) -> None:
    """Accepted text is neither normalised nor trimmed."""
    assert text == CHECKS[kind](text)


@pytest.mark.parametrize("kind", ["plain", "identifier"])
@pytest.mark.parametrize("character", C0 + DELETE_AND_C1 + LONE_SURROGATES, ids=name_of)
def test_control_characters_and_lone_surrogates_are_refused(kind: str, character: str) -> None:
    """Wherever in the text they stand, also at its very end."""
    for text in (character, f"{character}b", f"a{character}b", f"a{character}"):
        with pytest.raises(ValueError, match="control characters or lone surrogates"):
            CHECKS[kind](text)


@pytest.mark.parametrize(
    "character",
    [c for c in C0 if c not in ALLOWED_IN_NOTES] + DELETE_AND_C1 + LONE_SURROGATES,
    ids=name_of,
)
def test_a_note_refuses_control_characters_too(character: str) -> None:
    """All but the tab and the line ends."""
    with pytest.raises(ValueError, match="but tab and line ends"):
        check_note(f"a{character}")


@pytest.mark.parametrize("character", ALLOWED_IN_NOTES, ids=name_of)
def test_a_note_may_have_tabs_and_line_ends(character: str) -> None:
    """People write notes of several lines."""
    assert f"front{character}door" == check_note(f"front{character}door")


@pytest.mark.parametrize("character", ["a", "é", "鍵", "🔑"], ids=name_of)
def test_an_identifier_has_one_to_two_hundred_code_points(character: str) -> None:
    """Counted in code points, so an emoji is one."""
    assert character == check_identifier(character)
    assert character * 200 == check_identifier(character * 200)
    for text in ("", character * 201):
        with pytest.raises(ValueError, match="must have 1 to 200 characters"):
            check_identifier(text)


@pytest.mark.parametrize("text", ["/", "a/b", "/a", "a/", ".", "..", "../a"])
def test_an_identifier_cannot_be_taken_for_a_path(text: str) -> None:
    """Neither a slash nor a dot segment is an id."""
    with pytest.raises(ValueError, match='must not contain "/"'):
        check_identifier(text)


@pytest.mark.parametrize("text", ["...", ".a", "a.", "a..b", "%2F", "\\", "?", "#", " ", "'; --", "{0}"])
def test_an_identifier_may_look_strange(text: str) -> None:
    """Only what is dangerous is refused."""
    assert text == check_identifier(text)


@pytest.mark.parametrize("character", ["n", "ñ", "🔑"], ids=name_of)
def test_a_note_has_at_most_five_hundred_code_points(character: str) -> None:
    """501 are too many, whatever they take in bytes; none at all are fine."""
    assert "" == check_note("")
    assert character * 500 == check_note(character * 500)
    with pytest.raises(ValueError, match=r"^at most 500 characters$"):
        check_note(character * 501)


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=50))
def test_plain_text_without_controls_is_never_refused(text: str) -> None:
    """Unicode's own categories of control characters and surrogates are the rule, nothing more."""
    assert text == check_plain(text)


@given(st.text(st.characters(categories=("Cc", "Cs")), min_size=1, max_size=5))
def test_plain_text_with_controls_is_always_refused(text: str) -> None:
    """The refusal covers exactly Unicode's categories Cc and Cs."""
    with pytest.raises(ValueError, match="control characters"):
        check_plain(text)
