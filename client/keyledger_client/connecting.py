"""What both clients share of httpx: headers, time-outs, and an answer as a conversation hears it."""

import random
import time
from typing import Any, Final

import httpx

from .conversing import Ask, Circumstances, Heard
from .retrying import RetryPolicy

TIMEOUT_S: Final = 35.0
"""Of one request: longer than the service ever waits."""


def client_options(base_url: str, api_key: str | None, token: str | None, timeout_s: float) -> dict[str, Any]:
    """For httpx. Raises ValueError without any credential."""
    if api_key is None and token is None:
        raise ValueError("give an api_key, a token, or both")
    headers = {"Accept": "application/json", "User-Agent": "keyledger-client/0.1"}
    if api_key is not None:
        headers["X-API-Key"] = api_key
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return {"base_url": base_url, "headers": headers, "timeout": timeout_s}


def circumstances(policy: RetryPolicy | None) -> Circumstances:
    """The real ones."""
    return Circumstances(time.monotonic, time.time, random.random, policy or RetryPolicy())


def request_options(ask: Ask) -> dict[str, Any]:
    """A request for httpx."""
    return {
        "method": ask.method,
        "url": ask.path,
        "json": ask.body,
        "headers": ask.headers,
        "params": ask.query or None,
    }


def heard(response: httpx.Response) -> Heard:
    """An answer; a body that is no JSON is None."""
    try:
        body = response.json()
    except ValueError:
        body = None
    return Heard(response.status_code, {name.lower(): text for name, text in response.headers.items()}, body)
