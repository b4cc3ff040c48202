"""The alerts, their runbook, the dashboard and the metrics that they read are held together."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.world import running_world

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
ALERTS = (PROMETHEUS / "alerts.yml").read_text()
_RULE = re.compile(r"^ +- alert: (\w+)\n(.*?)(?=^ +- alert:|\Z)", re.MULTILINE | re.DOTALL)
RULES: dict[str, str] = dict(_RULE.findall(ALERTS))
"""The text of each rule by its alert; promtool says whether they are rules at all."""

DASHBOARD: dict[str, Any] = orjson.loads((ROOT / "deploy" / "grafana" / "gateway.json").read_bytes())
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EVERYWHERE = {"up"}
"""What Prometheus itself knows of each target."""

WITH_TLS = {"gateway_certificate_expiry_seconds"}
"""What there is with upstreams that speak TLS; see `tests/reload/test_certificates.py`."""

METRIC = re.compile(r"\b(?:gateway|process|python|http)_[a-z_]+\b|\bup\b")
LABELS = re.compile(r"\{[^{}]*\}|\[[^\]]*\]|\bby\s*\([^)]*\)")


def metrics_in(rule: str) -> set[str]:
    return metrics_of(rule.partition("expr:")[2].partition("labels:")[0])


def metrics_of(expression: str) -> set[str]:
    return set(METRIC.findall(LABELS.sub("", expression)))


def shown_metrics() -> set[str]:
    return set().union(*(metrics_of(target["expr"]) for panel in PANELS for target in panel["targets"]))


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


async def test_each_metric_that_an_alert_or_a_panel_reads_exists(redis_url: str) -> None:
    async with running_world({"GATEWAY_REDIS_URL": redis_url}) as world:
        await world.ask("{ deliveries(first: 1) { totalCount } }")
        scraped = (await world.client.get(f"{world.url}/metrics")).text

    existing = set(re.findall(r"^(\w+?)(?:\{| )", scraped, re.MULTILINE)) | EVERYWHERE | WITH_TLS
    assert set().union(*map(metrics_in, RULES.values())) <= existing
    assert shown_metrics() <= existing


def test_each_panel_says_what_it_shows_and_none_covers_another() -> None:
    places = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert all(panel["title"] and panel["description"] for panel in PANELS)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert len(set(places)) == len(places)
    assert max(x for x, _ in places) < 24


def test_every_documented_metric_of_the_gateway_has_a_panel() -> None:
    documented = set(
        re.findall(r"^\| `((?:gateway|http)_\w+)`", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE)
    )

    assert documented <= {name.removesuffix("_bucket") for name in shown_metrics()}


@pytest.fixture
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        assert "CI" not in os.environ, "CI needs promtool (Debian: prometheus)"
        pytest.skip("promtool (Debian: prometheus) is not on PATH")
    return found


def test_the_alerts_fire_when_they_should_and_only_then(promtool: str) -> None:
    tests = sorted(one.name for one in PROMETHEUS.glob("*_test.yml"))
    assert len(tests) == 2
    for command in (["check", "rules", "alerts.yml"], ["test", "rules", *tests]):
        subprocess.run([promtool, *command], cwd=PROMETHEUS, check=True, capture_output=True)  # noqa: S603 - Prometheus's own


def test_each_panel_asks_prometheus_what_it_understands(promtool: str, tmp_path: Path) -> None:
    expressions = [target["expr"] for panel in PANELS for target in panel["targets"]]
    asked = [one.replace("$__rate_interval", "5m").replace("$job", "gateway") for one in expressions]
    rules = [{"record": f"panel:{number}", "expr": one} for number, one in enumerate(asked)]
    file = tmp_path / "rules.yml"
    # JSON is YAML.
    file.write_bytes(orjson.dumps({"groups": [{"name": "panels", "rules": rules}]}))

    subprocess.run([promtool, "check", "rules", file], check=True, capture_output=True)  # noqa: S603 - Prometheus's own
