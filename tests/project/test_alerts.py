"""The alerts, their runbook and the metrics that they read are held together."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.world import running_world

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
ALERTS = (PROMETHEUS / "alerts.yml").read_text()
_RULE = re.compile(r"^ +- alert: (\w+)\n(.*?)(?=^ +- alert:|\Z)", re.MULTILINE | re.DOTALL)
RULES: dict[str, str] = dict(_RULE.findall(ALERTS))
"""The text of each rule by its alert; promtool says whether they are rules at all."""

EVERYWHERE = {"up"}
"""What Prometheus itself knows of each target."""

METRIC = re.compile(r"\b(?:gateway|process|python)_[a-z_]+\b|\bup\b")
LABELS = re.compile(r"\{[^{}]*\}|\[[^\]]*\]|\bby\s*\([^)]*\)")


def metrics_in(rule: str) -> set[str]:
    expression = rule.partition("expr:")[2].partition("labels:")[0]
    return set(METRIC.findall(LABELS.sub("", expression)))


def sections() -> dict[str, str]:
    parts = re.split(r"^## (\w+)\n", RUNBOOK, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_each_alert_has_its_section_in_the_runbook_and_each_section_its_alert() -> None:
    assert list(sections()) == list(RULES)


@pytest.mark.parametrize("name", RULES)
def test_an_alert_says_how_urgent_it_is_and_leads_to_its_section(name: str) -> None:
    assert re.search(r"^ +labels: \{severity: (page|ticket)\}$", RULES[name], re.MULTILINE)
    assert re.search(r'^ +summary: "\S', RULES[name], re.MULTILINE)
    assert f"runbook: docs/runbook.md#{name.lower()}\n" in RULES[name]


@pytest.mark.parametrize("name", RULES)
def test_a_section_says_what_it_means_what_to_look_at_and_what_to_do(name: str) -> None:
    found = re.findall(r"^\*\*(Means|Look at|Do):\*\* \S", sections()[name], re.MULTILINE)

    assert found == ["Means", "Look at", "Do"]


async def test_each_metric_that_an_alert_reads_exists(redis_url: str) -> None:
    async with running_world({"GATEWAY_REDIS_URL": redis_url}) as world:
        await world.ask("{ deliveries(first: 1) { totalCount } }")
        scraped = (await world.client.get(f"{world.url}/metrics")).text

    existing = set(re.findall(r"^(\w+?)(?:\{| )", scraped, re.MULTILINE)) | EVERYWHERE
    assert set().union(*map(metrics_in, RULES.values())) <= existing


def test_the_alerts_fire_when_they_should_and_only_then() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        assert "CI" not in os.environ, "CI needs promtool (Debian: prometheus)"
        pytest.skip("promtool (Debian: prometheus) is not on PATH")

    for command in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        subprocess.run([promtool, *command], cwd=PROMETHEUS, check=True, capture_output=True)  # noqa: S603 - Prometheus's own
