"""The operators' console at `/console`: pages drawn here, for people with a login of their own.

Guarantee: nothing but the login page and the stylesheet is shown without a session; every action needs the
session's own token and stands in the trail before it is done; no page loads anything from elsewhere or needs
a script. What it reads and does is what the command line reads and does. It runs in threads, so that the hot
route never waits for it; its curves begin when this producer does.
"""

from .console import Console

__all__ = ["Console"]
