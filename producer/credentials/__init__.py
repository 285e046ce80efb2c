"""Who sends a request, and what they may do.

Guarantee: an actor is what valid credentials prove; revoking a key or ending a token is effective within
five seconds. What was accepted before is still done. Credentials appear in no log and no answer.
"""

from .authenticator import Authenticator
from .organisations import OrganisationDirectory
from .rights import check_command, check_read

__all__ = ["Authenticator", "OrganisationDirectory", "check_command", "check_read"]
