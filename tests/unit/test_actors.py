"""Who sent a command, and whose it is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyledger.contract.actors import Actor

IDS = st.text(st.characters(exclude_characters="/"), min_size=1, max_size=20)
ACTORS = st.builds(Actor, credential=IDS, organisation=st.none() | IDS, user=st.none() | IDS)


@pytest.mark.parametrize(
    ("actor", "caller"),
    [
        (Actor("c", organisation="acme"), "org:acme"),
        (Actor("c", user="ada"), "user:ada"),
        (Actor("c", organisation="acme", user="ada"), "org:acme/user:ada"),
        (Actor("c"), ""),
    ],
    ids=["organisation", "user", "both", "neither"],
)
def test_the_caller_names_organisation_and_user(actor: Actor, caller: str) -> None:
    """It is the scope of idempotency keys."""
    assert caller == actor.caller


def test_all_credentials_of_an_organisation_are_one_caller() -> None:
    """A key that is rotated changes nothing."""
    assert Actor("key:1", organisation="acme").caller == Actor("jwt:issuer:2", organisation="acme").caller


@given(ACTORS, ACTORS)
def test_two_actors_have_one_caller_only_if_they_are_the_same(one: Actor, other: Actor) -> None:
    """Nobody can choose an id that makes them somebody else."""
    are_same = (one.organisation, one.user) == (other.organisation, other.user)
    assert are_same == (one.caller == other.caller)


def test_an_organisation_and_a_user_of_one_name_are_two() -> None:
    """The kind is part of the caller."""
    organisation, user = Actor("c", organisation="ada"), Actor("c", user="ada")
    assert organisation.caller != user.caller
    assert not organisation.owns(user.caller)
    assert not user.owns(organisation.caller)


@pytest.mark.parametrize(
    ("caller", "is_own"),
    [
        ("org:acme", True),
        ("user:ada", True),
        ("org:acme/user:bob", True),
        ("org:zenith/user:ada", True),
        ("org:zenith", False),
        ("user:bob", False),
        ("org:ada", False),
        ("user:acme", False),
        ("org:acme2", False),
        ("org:acm", False),
    ],
)
def test_a_command_is_seen_by_who_shares_its_organisation_or_user(caller: str, is_own: bool) -> None:
    """And by nobody else: whole ids are compared."""
    assert is_own == Actor("c", organisation="acme", user="ada").owns(caller)


@given(ACTORS.filter(lambda actor: bool(actor.caller)))
def test_everybody_owns_what_they_sent(actor: Actor) -> None:
    """Whoever they are."""
    assert actor.owns(actor.caller)


@given(ACTORS)
def test_an_actor_comes_back_as_it_was(actor: Actor) -> None:
    """Through envelope and log, with the same caller."""
    read = Actor.from_wire(actor.to_wire())
    assert actor == read
    assert actor.caller == read.caller


@pytest.mark.parametrize(
    ("actor", "expected"),
    [
        (Actor("key:1", organisation="acme"), {"organisation": "acme", "credential": "key:1"}),
        (Actor("jwt:i:1", user="ada"), {"user": "ada", "credential": "jwt:i:1"}),
    ],
    ids=["organisation", "user"],
)
def test_absent_parts_of_an_actor_are_left_out(actor: Actor, expected: dict[str, Any]) -> None:
    """Never null."""
    assert expected == actor.to_wire()
