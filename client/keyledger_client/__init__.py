"""A client for Keyledger: give and remove keys, wait for outcomes, verify webhooks. Sync and async.

Guarantee: a call that ends without an error was committed; whatever it repeats on the way is the same
command, by its idempotency key. What cannot be known is an error that says so and how to go on. It needs
httpx and nothing of the server.
"""

from .asynchronous import AsyncClient
from .errors import KeyledgerError, Refused, Unavailable, Unknown, WrongSignature
from .many import Command
from .results import Accepted, Completed, Event, Key, Status
from .retrying import RetryPolicy
from .synchronous import Client
from .verifying import WebhookVerifier

__all__ = [
    "Accepted",
    "AsyncClient",
    "Client",
    "Command",
    "Completed",
    "Event",
    "Key",
    "KeyledgerError",
    "Refused",
    "RetryPolicy",
    "Status",
    "Unavailable",
    "Unknown",
    "WebhookVerifier",
    "WrongSignature",
]
