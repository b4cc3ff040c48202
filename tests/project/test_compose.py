"""The composition of containers: what no container engine is needed for to see."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.settings import load_settings, unknown_settings
from tests.project.deployment import DEPLOY, SECRETS, Compose, make_secrets, needed, read_yaml, seconds
from tests.project.dockerfile import stages
from tests.project.markdown import blocks
from tests.project.tree import ROOT

COMPOSE = Compose()
NGINX = (DEPLOY / "nginx" / "nginx.conf").read_text()
EXPOSED = {"nginx"}
"""The services that other machines reach."""


def test_it_is_a_composition_by_the_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]

    checked = subprocess.run(  # noqa: S603 - a dependency's own command
        [*command, DEPLOY / "compose.yaml"], capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("name", COMPOSE.services)
def test_a_container_may_do_no_more_than_it_has_to(name: str) -> None:
    service = COMPOSE.services[name]
    published = [str(port) for port in service.get("ports", ())]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert name in EXPOSED or all(port.startswith("127.0.0.1:") for port in published)
    assert not any(
        word in str(service.get("environment")).lower() for word in ("sandbox-password", "sandbox-logistics")
    )


@pytest.mark.parametrize("name", COMPOSE.services)
def test_a_container_has_a_health_check_and_an_image_of_one_version(name: str) -> None:
    service = COMPOSE.services[name]

    assert service["healthcheck"]["test"]
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+(-alpine)?(@sha256:\w+)?", service["image"])
    assert "build" not in service or (DEPLOY / service["build"]["context"]).resolve() == ROOT


def test_every_service_that_another_waits_for_is_there() -> None:
    awaited = {other for service in COMPOSE.services.values() for other in service.get("depends_on", {})}

    assert awaited <= COMPOSE.services.keys()


def test_every_secret_network_and_volume_is_declared_and_used() -> None:
    services = COMPOSE.services.values()
    named = [str(volume).partition(":")[0] for service in services for volume in service.get("volumes", ())]

    assert {name for service in services for name in service.get("secrets", ())} == COMPOSE.content["secrets"].keys()
    assert {name for service in services for name in service["networks"]} == COMPOSE.content["networks"].keys()
    assert {name for name in named if not name.startswith(".")} == COMPOSE.content["volumes"].keys()


def test_what_is_mounted_is_there_and_read_only() -> None:
    mounted = [str(one) for service in COMPOSE.services.values() for one in service.get("volumes", ())]

    assert [path for path in COMPOSE.own_files() if not path.exists()] == []
    assert all(one.endswith(":ro") for one in mounted if one.startswith("."))


def test_each_secret_is_made_by_the_scripts_and_kept_out_of_git(tmp_path: Path) -> None:
    key = make_secrets(tmp_path / "secrets")

    declared = {Path(secret["file"]) for secret in COMPOSE.content["secrets"].values()}
    made = {path.name for path in (tmp_path / "secrets").iterdir()}
    assert {path.name for path in declared} | {"callers.env"} == made
    assert {str(path.parent) for path in declared} == {"secrets"}
    assert "deploy/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    assert len(key) == 64
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0


def test_secrets_that_are_there_stay(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    before = {path.name: path.read_text() for path in tmp_path.iterdir() if not path.name.startswith("tls")}

    make_secrets(tmp_path)

    assert before == {path.name: path.read_text() for path in tmp_path.iterdir() if path.name in before}


@pytest.mark.parametrize("name", COMPOSE.gateways)
def test_the_settings_are_settings_and_right(name: str, tmp_path: Path) -> None:
    make_secrets(tmp_path)
    environment = COMPOSE.environment(name, tmp_path)

    settings = load_settings(environment)

    assert unknown_settings(environment) == []
    assert None not in (settings.deliveries, settings.sms, settings.logistics, settings.redis_url)
    assert settings.auth.api_keys
    mounted = {f"{SECRETS}{secret}" for secret in COMPOSE.services[name]["secrets"]}
    assert {value for value in COMPOSE.services[name]["environment"].values() if SECRETS in str(value)} == mounted


@pytest.mark.parametrize("name", COMPOSE.gateways)
def test_a_gateway_is_given_the_time_to_drain_and_to_finish(name: str, tmp_path: Path) -> None:
    make_secrets(tmp_path)
    settings = load_settings(COMPOSE.environment(name, tmp_path))

    assert seconds(COMPOSE.services[name]["stop_grace_period"]) > settings.drain_seconds + settings.grace_seconds


def test_the_service_of_a_host_is_given_the_same_time() -> None:
    (unit,) = blocks((ROOT / "docs" / "deployment.md").read_text(), "ini")
    settings = load_settings({"GATEWAY_AUTH__ANONYMOUS": "true"})
    service = dict(line.split("=", 1) for line in unit.splitlines() if "=" in line)

    assert int(service["TimeoutStopSec"]) > settings.drain_seconds + settings.grace_seconds


def test_nginx_knows_each_gateway_by_its_address_and_they_know_nginx(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    addresses = {name: one["networks"]["front"]["ipv4_address"] for name, one in COMPOSE.gateways.items()}
    nginx = COMPOSE.services["nginx"]["networks"]["front"]["ipv4_address"]

    assert set(re.findall(r"server ([\d.]+):8000", NGINX)) == set(addresses.values())
    assert COMPOSE.services["readiness"]["command"] == [
        f"{name}=http://{address}:8000/readyz" for name, address in addresses.items()
    ]
    assert set(re.findall(r"-f /run/not-ready/([\w-]+)", NGINX)) == addresses.keys()
    for name in addresses:
        proxies = load_settings(COMPOSE.environment(name, tmp_path)).trusted_proxies
        assert [str(network) for network in proxies] == [f"{nginx}/32"]


def test_nginx_waits_longer_than_the_gateway_and_passes_on_what_that_refuses(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    settings = load_settings(COMPOSE.environment("gateway-1", tmp_path))
    waits = int(re.findall(r"proxy_read_timeout (\d+)s", NGINX)[0])

    assert waits > max(settings.events.ping_seconds, settings.deadline_seconds)
    assert max(map(int, re.findall(r" keepalive_timeout (\d+)s", NGINX))) < settings.connections.idle_seconds
    assert int(re.findall(r"client_max_body_size (\d+)m", NGINX)[0]) << 20 > settings.max_body_bytes


def test_the_ports_are_those_that_the_image_and_the_simulators_listen_on() -> None:
    (exposed,) = [step.text for step in [*stages((ROOT / "Dockerfile").read_text())][-1][2] if step.keyword == "EXPOSE"]
    simulators = COMPOSE.services["simulators"]["command"]
    first = int(simulators[simulators.index("--port") + 1])
    asked = {int(port) for port in re.findall(r"simulators:(\d+)", str(COMPOSE.services["gateway-1"]["environment"]))}

    assert exposed == "8000"
    assert asked == {*range(first, first + 5)}
    assert COMPOSE.services["nginx"]["ports"] == [f"443:{port}" for port in re.findall(r"listen (\d+) ssl", NGINX)]


@pytest.mark.parametrize("name", [*COMPOSE.gateways, "simulators"])
def test_the_programs_are_those_of_the_image(name: str) -> None:
    last = [*stages((ROOT / "Dockerfile").read_text())][-1][2]
    (checked,) = [step.exec_form for step in last if step.keyword == "HEALTHCHECK"]

    assert COMPOSE.services[name]["healthcheck"]["test"][:2] == ["CMD", checked[0]]


def test_prometheus_asks_both_gateways_and_knows_the_alerts() -> None:
    promtool = needed("promtool", "prometheus")
    file = DEPLOY / "prometheus" / "prometheus.yml"
    (job,) = read_yaml(file)["scrape_configs"]

    subprocess.run([promtool, "check", "config", file], check=True, capture_output=True)  # noqa: S603 - Prometheus's own

    assert job["job_name"] == "gateway"
    assert job["static_configs"] == [{"targets": [f"{name}:8000" for name in COMPOSE.gateways]}]


def test_grafana_finds_prometheus_and_the_dashboard() -> None:
    provisioning = DEPLOY / "grafana" / "provisioning"
    (source,) = read_yaml(provisioning / "datasources" / "prometheus.yml")["datasources"]
    (provider,) = read_yaml(provisioning / "dashboards" / "gateway.yml")["providers"]
    mounts = dict(str(volume).split(":")[:2] for volume in COMPOSE.services["grafana"]["volumes"])

    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    assert mounts["./grafana/provisioning"] == "/etc/grafana/provisioning"
    assert mounts["./grafana/gateway.json"] == f"{provider['options']['path']}/gateway.json"
