"""The manifests for Kubernetes: what no cluster is needed for to see."""

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, Final

import kubernetes_validate  # type: ignore[import-untyped]  # it has no stubs
import msgspec
import pytest
import yaml

from gateway.settings import Settings, load_settings, unknown_settings
from tests.project.deployment import DEPLOY, needed, read_documents, read_yaml, seconds
from tests.project.dockerfile import stages
from tests.project.markdown import blocks
from tests.project.tree import ROOT

KUBERNETES: Final = DEPLOY / "kubernetes"
FOLDERS: Final = sorted(path.parent for path in KUBERNETES.rglob("kustomization.yaml"))
VERSIONS: Final = ("1.30", str(kubernetes_validate.latest_version()))
CUSTOM: Final = ("ServiceMonitor", "PrometheusRule")
"""The kinds of the Prometheus operator, of which the API of Kubernetes knows nothing."""
TOOLS: Final = {"prometheus-adapter.yaml"}
"""Files that are for other programs than kustomize."""
SECRET_FOLDER: Final = "/run/secrets/gateway/"
DEPLOYMENT_PAGE: Final = (ROOT / "docs" / "deployment.md").read_text()


class Endpoint(msgspec.Struct, forbid_unknown_fields=True):
    port: str
    path: str
    interval: str


class Selector(msgspec.Struct, forbid_unknown_fields=True):
    matchLabels: dict[str, str]  # noqa: N815 - Kubernetes' name


class MonitorSpec(msgspec.Struct, forbid_unknown_fields=True):
    selector: Selector
    endpoints: list[Endpoint]


class Alert(msgspec.Struct, forbid_unknown_fields=True, rename={"duration": "for"}):
    alert: str
    expr: str
    labels: dict[str, str]
    annotations: dict[str, str]
    duration: str = ""


class AlertGroup(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    rules: list[Alert]


class RuleSpec(msgspec.Struct, forbid_unknown_fields=True):
    groups: list[AlertGroup]


@cache
def rendered(folder: Path) -> list[dict[str, Any]]:
    """What would be applied to a cluster."""
    kubectl = needed("kubectl", "kubectl")
    built = subprocess.run([kubectl, "kustomize", folder], check=True, capture_output=True, text=True)  # noqa: S603 - Kubernetes' own
    assert built.stderr == ""
    return read_documents(built.stdout)


def only(folder: Path, kind: str, name: str = "gateway") -> dict[str, Any]:
    """The object of a kind whose name begins so."""
    (found,) = [one for one in rendered(folder) if one["kind"] == kind and one["metadata"]["name"].startswith(name)]
    return found


def pod(folder: Path) -> dict[str, Any]:
    spec: dict[str, Any] = only(folder, "Deployment")["spec"]["template"]["spec"]
    return spec


def container(folder: Path) -> dict[str, Any]:
    (found,) = pod(folder)["containers"]
    return dict(found)


def settings_of(folder: Path, secrets: Path) -> tuple[Settings, dict[str, str]]:
    """The settings that a pod loads and their environment, with secrets in a folder of this machine."""
    environment: dict[str, str] = only(folder, "ConfigMap")["data"]
    for file in secret_files(folder):
        value = "redis://gateway:secret@redis:6379/0" if file == "redis-url" else "secret"
        (secrets / file).write_text(value)
    ours = {name: value.replace(SECRET_FOLDER, f"{secrets}/") for name, value in environment.items()}
    ours["GATEWAY_AUTH__API_KEYS__MOBILE"] = "0" * 64
    return load_settings(ours), ours


def secret_files(folder: Path) -> set[str]:
    """The files of the Secret that the settings name."""
    values = only(folder, "ConfigMap")["data"].values()
    return {value.removeprefix(SECRET_FOLDER) for value in values if value.startswith(SECRET_FOLDER)}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_file_that_is_referenced_is_there_and_every_file_is_referenced(folder: Path) -> None:
    content = read_yaml(folder / "kustomization.yaml")
    generated = [env for one in content.get("configMapGenerator", ()) for env in one["envs"]]
    patches = [patch["path"] for patch in content.get("patches", ())]
    referenced = {*content["resources"], *generated, *patches}

    assert [name for name in referenced if not (folder / name).exists()] == []
    assert {path.name for path in folder.iterdir()} == {name for name in referenced if "/" not in name} | {
        "kustomization.yaml"
    }


def test_each_folder_is_one_of_kustomize_or_on_the_way_to_one() -> None:
    files = {path for path in KUBERNETES.rglob("*") if path.is_file() and path.name not in TOOLS}

    assert {path.parent for path in files} == {*FOLDERS}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_object_is_one_by_the_api_of_kubernetes(folder: Path, version: str) -> None:
    objects = [one for one in rendered(folder) if one["kind"] not in CUSTOM]
    assert {"Deployment", "Service", "HorizontalPodAutoscaler", "NetworkPolicy"} <= {one["kind"] for one in objects}

    # Raises `ValidationError` for what the API's schema does not allow.
    for one in objects:
        kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_operators_objects_have_only_fields_that_it_knows(folder: Path) -> None:
    # By hand, because the public schemas of these kinds (npm @kubernetes-models/prometheus-operator) let unknown fields
    # pass, and so a misspelt one.
    monitor = msgspec.convert(only(folder, "ServiceMonitor")["spec"], MonitorSpec)
    msgspec.convert(only(folder, "PrometheusRule")["spec"], RuleSpec)
    service = only(folder, "Service")

    assert monitor.selector.matchLabels.items() <= service["metadata"]["labels"].items()
    assert {endpoint.port for endpoint in monitor.endpoints} == {port["name"] for port in service["spec"]["ports"]}
    assert {endpoint.path for endpoint in monitor.endpoints} == {"/metrics"}


def test_the_alerts_are_those_of_prometheus_and_know_the_service_by_its_name() -> None:
    alerts = read_yaml(DEPLOY / "prometheus" / "alerts.yml")
    service = only(KUBERNETES / "base", "Service")["metadata"]["name"]

    assert read_yaml(KUBERNETES / "base" / "prometheus-rule.yaml")["spec"] == alerts, "copy the groups of alerts.yml"
    assert set(re.findall(r'job="(\w+)"', yaml.safe_dump(alerts))) == {service}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_settings_are_settings_and_right(folder: Path, tmp_path: Path) -> None:
    settings, environment = settings_of(folder, tmp_path)

    assert unknown_settings(environment) == []
    assert None not in (settings.deliveries, settings.sms, settings.logistics, settings.redis_url)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_pod_is_given_the_time_to_drain_and_to_finish(folder: Path, tmp_path: Path) -> None:
    settings, _ = settings_of(folder, tmp_path)
    stop = container(folder).get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)

    assert pod(folder)["terminationGracePeriodSeconds"] > stop + settings.drain_seconds + settings.grace_seconds


def test_a_drain_outlasts_the_checks_of_readiness(tmp_path: Path) -> None:
    settings, _ = settings_of(KUBERNETES / "base", tmp_path)
    probe = container(KUBERNETES / "base")["readinessProbe"]

    assert settings.drain_seconds > probe["periodSeconds"] * (probe["failureThreshold"] + 1)


@pytest.mark.parametrize("probe", ["startupProbe", "livenessProbe", "readinessProbe"])
def test_a_probe_asks_a_path_and_a_port_of_the_gateway(probe: str) -> None:
    asked = container(KUBERNETES / "base")[probe]["httpGet"]
    paths = re.findall(r'"(/(?:livez|readyz))"', (ROOT / "gateway" / "http" / "health.py").read_text())

    assert asked["path"] in paths
    assert asked["path"] == ("/readyz" if probe == "readinessProbe" else "/livez")
    assert asked["port"] in {port["name"] for port in container(KUBERNETES / "base")["ports"]}


def test_a_pod_that_starts_slowly_is_not_ended() -> None:
    probe = container(KUBERNETES / "base")["startupProbe"]

    assert probe["periodSeconds"] * probe["failureThreshold"] >= 60


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_ports_agree_from_the_image_to_the_ingress(folder: Path) -> None:
    (exposed,) = [step.text for step in [*stages((ROOT / "Dockerfile").read_text())][-1][2] if step.keyword == "EXPOSE"]
    (port,) = container(folder)["ports"]
    (service,) = only(folder, "Service")["spec"]["ports"]
    ingresses = [one for one in rendered(folder) if one["kind"] == "Ingress"]
    paths = [path for one in ingresses for rule in one["spec"]["rules"] for path in rule["http"]["paths"]]

    assert str(port["containerPort"]) == exposed
    assert service["targetPort"] == port["name"]
    assert [path for path in paths if path["backend"]["service"] != {"name": "gateway", "port": {"name": "http"}}] == []
    assert [path["path"] for path in paths if "/metrics".startswith(path["path"])] == []
    policy = only(folder, "NetworkPolicy")["spec"]["ingress"]
    assert [part["ports"] for part in policy] == [[{"protocol": "TCP", "port": port["name"]}]]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_container_may_do_no_more_than_it_has_to(folder: Path) -> None:
    specs = [one["spec"]["template"]["spec"] for one in rendered(folder) if "template" in one.get("spec", {})]

    for spec in specs:
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert (spec["automountServiceAccountToken"], spec["enableServiceLinks"]) == (False, False)
        for one in spec["containers"]:
            rights = one["securityContext"]
            assert (rights["allowPrivilegeEscalation"], rights["readOnlyRootFilesystem"]) == (False, True)
            assert rights["capabilities"] == {"drop": ["ALL"]}
            assert {"cpu", "memory"} <= one["resources"]["requests"].keys()
            assert "memory" in one["resources"]["limits"]
            assert re.search(r":\d+\.\d+\.\d+(-alpine)?(@sha256:[0-9a-f]{64})?$", one["image"])


def test_the_user_is_that_of_the_image() -> None:
    (user,) = [step.text for step in [*stages((ROOT / "Dockerfile").read_text())][-1][2] if step.keyword == "USER"]
    context = pod(KUBERNETES / "base")["securityContext"]

    assert f"{context['runAsUser']}:{context['runAsGroup']}" == user


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_secrets_are_referenced_and_never_written_down(folder: Path) -> None:
    (mounted,) = [volume["secret"] for volume in pod(folder)["volumes"] if "secret" in volume]
    (mount,) = [one for one in container(folder)["volumeMounts"] if one["name"] == "secrets"]

    assert [one for one in rendered(folder) if one["kind"] == "Secret"] == []
    assert mount["mountPath"] == SECRET_FOLDER.rstrip("/")
    assert mounted["secretName"] == "gateway-secrets"


def test_the_page_makes_each_secret_that_the_manifests_need() -> None:
    (commands,) = [block for block in blocks(DEPLOYMENT_PAGE, "sh") if "create secret" in block]
    production = KUBERNETES / "overlays" / "production"
    text = yaml.safe_dump_all(rendered(production))

    made = set(re.findall(r"create secret (?:generic|tls) ([\w-]+)", commands))
    assert made == set(re.findall(r"secretName: ([\w-]+)", text)) | {"gateway-callers"}
    assert {"gateway-callers"} == {one["secretRef"]["name"] for one in container(production)["envFrom"][1:]}
    assert secret_files(production) | {"users.acl"} == set(re.findall(r"--from-file=([\w.-]+)", commands))


def test_what_the_autoscaler_reads_is_what_the_adapter_makes_of_a_metric(tmp_path: Path) -> None:
    autoscaler = only(KUBERNETES / "base", "HorizontalPodAutoscaler")["spec"]
    (rule,) = read_yaml(KUBERNETES / "prometheus-adapter.yaml")["rules"]["custom"]
    read = {one["pods"]["metric"]["name"] for one in autoscaler["metrics"] if one["type"] == "Pods"}
    documented = (ROOT / "docs" / "metrics.md").read_text()
    placeholders = {"Series": "gateway_operations_in_flight", "LabelMatchers": 'pod="a"', "GroupBy": "pod"}
    query = re.sub(r"<<\.(\w+)>>", lambda found: placeholders[found[1]], rule["metricsQuery"])
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "one", "rules": [{"record": "one", "expr": query}]}]}))

    subprocess.run([needed("promtool", "prometheus"), "check", "rules", file], check=True, capture_output=True)  # noqa: S603 - Prometheus's own

    assert read == {rule["seriesQuery"].partition("{")[0]}
    assert all(f"`{name}`" in documented for name in read)
    assert autoscaler["scaleTargetRef"]["name"] == only(KUBERNETES / "base", "Deployment")["metadata"]["name"]
    assert "replicas" not in only(KUBERNETES / "base", "Deployment")["spec"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_selector_finds_the_pods_of_the_gateway(folder: Path) -> None:
    labels = only(folder, "Deployment")["spec"]["template"]["metadata"]["labels"].items()
    spread = [one["labelSelector"]["matchLabels"] for one in pod(folder)["topologySpreadConstraints"]]

    assert only(folder, "Deployment")["spec"]["selector"]["matchLabels"].items() <= labels
    assert only(folder, "Service")["spec"]["selector"].items() <= labels
    assert only(folder, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"].items() <= labels
    assert only(folder, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"].items() <= labels
    assert all(one.items() <= labels for one in spread)


def test_the_ingress_waits_longer_than_the_gateway(tmp_path: Path) -> None:
    production = KUBERNETES / "overlays" / "production"
    settings, _ = settings_of(production, tmp_path)
    annotations = only(production, "Ingress")["metadata"]["annotations"]
    prefix = "nginx.ingress.kubernetes.io"
    (host,) = [rule["host"] for rule in only(production, "Ingress")["spec"]["rules"]]

    assert seconds(f"{annotations[f'{prefix}/proxy-read-timeout']}s") > max(
        settings.events.ping_seconds, settings.deadline_seconds
    )
    assert int(annotations[f"{prefix}/proxy-body-size"].removesuffix("m")) << 20 > settings.max_body_bytes
    assert settings.public_url == f"https://{host}"
