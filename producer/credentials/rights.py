"""Who may do what, as far as it can be told before a command's turn comes.

A user acts on their own id only, and adds keys of registered organisations only; an organisation adds keys
in its own name only. Whose key a number is, is decided under the user's lock by the worker. Who sends both
credentials must be allowed by both.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from keyledger.contract.actors import Actor
from keyledger.contract.errors import Detail, Forbidden
from keyledger.ledger.accounts import Organisation

FindOrganisation = Callable[[str], Awaitable[Organisation | None]]


async def check_command(
    actor: Actor, user_id: str, command: str, fields: dict[str, Any], find_organisation: FindOrganisation
) -> None:
    """Raise Forbidden unless this actor may send this command."""
    check_read(actor, user_id)
    if command != "AddPhysicalKey":
        return
    org_id = fields["orgId"]
    if actor.organisation is not None:
        if org_id != actor.organisation:
            raise Forbidden([Detail("orgId", "must be the organisation of the credentials")])
    elif await find_organisation(org_id) is None:
        raise Forbidden([Detail("orgId", "must be a registered organisation")])


def check_read(actor: Actor, user_id: str) -> None:
    """Raise Forbidden if the actor is a user and this is somebody else's id."""
    if actor.user is not None and actor.user != user_id:
        raise Forbidden([Detail("id", "must be the user of the token")])
