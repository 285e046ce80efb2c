"""Alerts and dashboard speak of figures that exist; runbook and list are complete."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from keyledger.producer.metrics import ProducerMetrics
from keyledger.worker.metrics import WorkerMetrics
from tests.programs import needed_program

ROOT: Final = Path(__file__).parents[2]
RULES: Final = ROOT / "deploy/prometheus/rules/keyledger.yml"
DASHBOARD: Final = ROOT / "deploy/grafana/dashboards/keyledger.json"
NAME: Final = re.compile(r"\bkeyledger_[a-z_]+")


def exported() -> dict[str, str]:
    """Every figure's name and type, as the processes show them."""
    families = [*ProducerMetrics().collect(), *WorkerMetrics().collect()]
    return {family.name: family.type for family in families}


def samples() -> set[str]:
    """Every name that a query may use."""
    endings = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}
    return {name + ending for name, kind in exported().items() for ending in endings[kind]}


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    asked = [target["expr"] for panel in panels for target in panel["targets"]]
    return asked + [rule["expr"] for rule in alerts()]


def test_every_figure_that_is_asked_for_exists() -> None:
    """A misspelt one would be silent for ever."""
    assert set() == {name for text in expressions() for name in NAME.findall(text)} - samples()


def test_every_figure_is_on_the_dashboard_or_in_an_alert() -> None:
    """What nobody looks at need not be counted; detail below others is left to queries."""
    used = {name for text in expressions() for name in NAME.findall(text)}
    unused = {name for name in exported() if not any(one.startswith(name) for one in used)}
    assert set() == unused


def test_every_alert_has_its_runbook() -> None:
    """With what to do, under the link that the alert carries."""
    page = (ROOT / "docs/alerts.md").read_text()
    for rule in alerts():
        assert f"docs/alerts.md#{rule['alert'].lower()}" == rule["annotations"]["runbook_url"]
        assert f"\n## {rule['alert']}\n" in page
    assert len(alerts()) == page.count("\n## ")


def test_every_figure_is_explained() -> None:
    """In the list, with its type."""
    page = (ROOT / "docs/metrics.md").read_text()
    assert set() == {name for name, kind in exported().items() if f"| `{name}` | {kind} |" not in page}


def test_figures_are_named_by_prometheus_conventions() -> None:
    """With a prefix and base units; the library adds `_total`."""
    for name, kind in exported().items():
        assert name.startswith("keyledger_")
        assert not name.endswith(("_total", "_ms", "_count"))
        if "duration" in name or "age" in name or "wait_" in name:
            assert name.endswith("_seconds"), (name, kind)


@pytest.mark.parametrize(
    "check", [["check", "rules", str(RULES)], ["test", "rules", "tests/unit/alerts.yml"]]
)
def test_promtool_finds_no_fault_and_alerts_fire_when_they_should(check: list[str]) -> None:
    """The rules are run on made-up series: quiet when all is well, loud when not."""
    ran = subprocess.run(
        [needed_program("promtool"), *check], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert 0 == ran.returncode, ran.stdout + ran.stderr
