"""Who may send which command, as far as it can be told before its turn comes."""

import asyncio
from typing import Any

import pytest

from keyledger.contract.actors import Actor
from keyledger.contract.commands import COMMANDS
from keyledger.contract.errors import Detail, Forbidden
from keyledger.ledger.accounts import Organisation
from keyledger.producer.credentials import check_command, check_read

ACME = Actor("key:1", organisation="acme")
ADA = Actor("jwt:1", user="ada")
ADA_THROUGH_ACME = Actor("jwt:1 key:1", organisation="acme", user="ada")
FIELDS: dict[str, dict[str, Any]] = {
    "AddPhysicalKey": {"orgId": "acme"}, "RemovePhysicalKey": {"number": 1}, "CreateUser": {"userId": "ada"}
}  # fmt: skip


class Registered:
    """A list of organisations, and who was asked for."""

    def __init__(self, *names: str) -> None:
        self._names = names
        self.asked: list[str] = []

    async def find(self, id_: str) -> Organisation | None:
        self.asked.append(id_)
        return Organisation(id_, id_, None, 0) if id_ in self._names else None


def check(actor: Actor, user_id: str, command: str, fields: dict[str, Any], *registered: str) -> None:
    asyncio.run(check_command(actor, user_id, command, fields, Registered(*registered).find))


def refusal_of(
    actor: Actor, user_id: str, command: str, fields: dict[str, Any], *registered: str
) -> list[Detail]:
    with pytest.raises(Forbidden) as refused:
        check(actor, user_id, command, fields, *registered)
    return refused.value.details


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("actor", [ACME, ADA, ADA_THROUGH_ACME], ids=lambda actor: actor.caller)
def test_all_may_send_their_own_commands(actor: Actor, command: str) -> None:
    """An organisation for any user in its own name, a user for themselves, both together for both."""
    check(actor, "ada", command, FIELDS[command], "acme")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("actor", [ADA, ADA_THROUGH_ACME], ids=lambda actor: actor.caller)
@pytest.mark.parametrize("user_id", ["bob", "Ada", "ada "])
def test_a_user_acts_on_their_own_id_only(actor: Actor, command: str, user_id: str) -> None:
    """Also with an organisation's key beside the token; ids are compared exactly."""
    details = refusal_of(actor, user_id, command, FIELDS[command], "acme")
    assert [Detail("id", "must be the user of the token")] == details


@pytest.mark.parametrize("actor", [ACME, ADA_THROUGH_ACME], ids=lambda actor: actor.caller)
@pytest.mark.parametrize("org_id", ["zenith", "Acme", "acme "])
def test_an_organisation_adds_keys_in_its_own_name_only(actor: Actor, org_id: str) -> None:
    """Though the other one is registered."""
    details = refusal_of(actor, "ada", "AddPhysicalKey", {"orgId": org_id}, "acme", org_id)
    assert [Detail("orgId", "must be the organisation of the credentials")] == details


def test_a_user_adds_keys_of_registered_organisations_only() -> None:
    """Any of them, but none that is unknown."""
    check(ADA, "ada", "AddPhysicalKey", {"orgId": "zenith"}, "acme", "zenith")
    details = refusal_of(ADA, "ada", "AddPhysicalKey", {"orgId": "nowhere"}, "acme", "zenith")
    assert [Detail("orgId", "must be a registered organisation")] == details


def test_a_stranger_does_not_learn_which_organisations_are_registered() -> None:
    """The user's own id is checked before anything is looked up."""
    registered = Registered("acme")
    with pytest.raises(Forbidden):
        asyncio.run(check_command(ADA, "bob", "AddPhysicalKey", {"orgId": "acme"}, registered.find))
    assert [] == registered.asked


def test_a_user_reads_their_own_id_only() -> None:
    """As they act."""
    check_read(ADA, "ada")
    for actor in (ADA, ADA_THROUGH_ACME):
        with pytest.raises(Forbidden) as refused:
            check_read(actor, "bob")
        assert [Detail("id", "must be the user of the token")] == refused.value.details


def test_an_organisation_may_ask_about_any_user() -> None:
    """What it sees of them is cut down where it is read."""
    check_read(ACME, "ada")
    check_read(ACME, "bob")
