"""Traces: off by default and without cost, and a clear word when they cannot be on."""

import sys

import pytest

from keyledger.contract.settings import MissingSetting, Settings
from keyledger.contract.tracing import open_tracing

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_off_a_trace_is_handed_on_and_nothing_is_begun() -> None:
    """Whoever comes next belongs to whoever asked."""
    tracing = open_tracing(Settings(), "test")
    assert not tracing.is_on
    assert [PARENT, None] == [
        tracing.begin("name", "server", parent, {}).context for parent in (PARENT, None)
    ]


def test_on_without_its_packages_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are an extra."""
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(MissingSetting, match=r"install keyledger\[tracing\]"):
        open_tracing(Settings(otlp_url="http://127.0.0.1:4318"), "test")
