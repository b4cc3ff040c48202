"""The composition run without containers: its nginx, gateways, Redis and simulators as processes of this machine.

Only addresses, ports and folders are rewritten; all else is what `deploy/` says.
"""

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from tests.project.deployment import DEPLOY, SECRETS, Compose, make_secrets, needed
from tests.project.tree import ROOT
from tests.redis_server import RedisServer

PATIENCE_SECONDS: Final = 60
GATEWAYS: Final = ("gateway-1", "gateway-2")
_COMPOSE: Final = Compose()
_COMMAND: Final = [sys.executable, "-c", "from gateway.cli import main; main()"]
_TLS_FILES: Final = {"tls_certificate": "tls.crt", "tls_key": "tls.key"}


@dataclass
class Deployed:
    """The running composition; lifetime of its block."""

    folder: Path
    key: str
    port: int
    ports: dict[str, int]
    environment: dict[str, dict[str, str]]
    processes: dict[str, subprocess.Popen[bytes]]

    @property
    def url(self) -> str:
        """Where nginx listens."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def tls(self) -> ssl.SSLContext:
        """What trusts the certificate of the composition, and no other."""
        return ssl.create_default_context(cafile=self.folder / "tls.crt")

    def client(self, *, http2: bool = False) -> httpx.AsyncClient:
        """A client of nginx with the caller's key."""
        headers = {"x-api-key": self.key}
        return httpx.AsyncClient(
            base_url=self.url, verify=self.tls, http2=http2, trust_env=False, headers=headers, timeout=PATIENCE_SECONDS
        )

    def healthy(self, name: str) -> bool:
        """What the health check of a gateway's container says."""
        word, _, *arguments = _COMPOSE.services[name]["healthcheck"]["test"]
        assert word == "CMD"
        code = [argument.replace("8000", str(self.ports[name])) for argument in arguments]
        return subprocess.run([sys.executable, *code], check=False, capture_output=True).returncode == 0  # noqa: S603 - our own

    def start(self, name: str) -> None:
        """Start a gateway, and return once it is ready."""
        self.processes[name] = subprocess.Popen([*_COMMAND, "serve"], cwd=ROOT, env=self.environment[name])  # noqa: S603 - our own
        wait_for(lambda: answers(f"{self.gateway_url(name)}/readyz"))

    def gateway_url(self, name: str) -> str:
        """Where a gateway listens."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def metrics(self, name: str) -> str:
        """What Prometheus would read of a gateway."""
        return httpx.get(f"{self.gateway_url(name)}/metrics", trust_env=False).text

    def operations(self, name: str) -> float:
        """How many operations a gateway has run."""
        lines = (line for line in self.metrics(name).splitlines() if line.startswith("gateway_operations_total{"))
        return sum(float(line.rpartition(" ")[2]) for line in lines)


@contextmanager
def deployed(folder: Path) -> Iterator[Deployed]:
    """Run the composition while the block runs.

    Args:
        folder: An empty folder for its files.
    """
    key = make_secrets(folder)
    with ExitStack() as stack:
        port, health, *others = _free_ports(2 + len(GATEWAYS))
        ports = dict(zip(GATEWAYS, others, strict=True))
        redis = _start_redis(folder)
        stack.callback(redis.kill)
        processes: dict[str, subprocess.Popen[bytes]] = {}
        stack.callback(_end, processes)
        (folder / "redis_url").write_text(
            (folder / "redis_url").read_text().replace("redis:6379/0", redis.url.removeprefix("redis://"))
        )
        simulators = _start_simulators(processes)
        environment = {name: _environment(name, folder, simulators, ports[name], port) for name in GATEWAYS}
        running = Deployed(folder, key, port, ports, environment, processes)
        for name in GATEWAYS:
            running.start(name)
        _start_proxy(running, health)
        wait_for(lambda: answers(f"http://127.0.0.1:{health}/"))
        yield running


def nginx_configuration(folder: Path, ports: dict[str, int], port: int, health: int) -> Path:
    """Write nginx's configuration with addresses and folders of this machine, and return where.

    Args:
        folder: Where `make_secrets` put the certificate.
        ports: The port of each gateway.
        port: Where nginx listens for clients.
        health: Where it listens for its health check.
    """
    text = (DEPLOY / "nginx" / "nginx.conf").read_text()
    addresses = {name: one["networks"]["front"]["ipv4_address"] for name, one in _COMPOSE.gateways.items()}
    rewritten = {
        **{f"{addresses[name]}:8000": f"127.0.0.1:{ports[name]}" for name in GATEWAYS},
        **{f"{SECRETS}{secret};": f"{folder}/{file};" for secret, file in _TLS_FILES.items()},
        "/run/not-ready/": f"{folder}/not-ready/",
        " /tmp/": f" {folder}/nginx/",
        "listen 8443 ": f"listen 127.0.0.1:{port} ",
        "127.0.0.1:8081": f"127.0.0.1:{health}",
    }
    assert [theirs for theirs in rewritten if theirs not in text] == []
    # In one pass, because a folder of ours may be below one of theirs.
    text = re.sub("|".join(map(re.escape, rewritten)), lambda found: rewritten[found[0]], text)
    (folder / "nginx").mkdir()
    (folder / "not-ready").mkdir()
    file = folder / "nginx.conf"
    file.write_text(text)
    return file


def nginx_command(configuration: Path) -> list[str]:
    """Return nginx's command with a configuration; as root its workers stay root, or they could not read our files."""
    user = " user root;" if os.geteuid() == 0 else ""
    return [needed("nginx", "nginx-light"), "-c", str(configuration), "-g", f"daemon off;{user}"]


def wait_for(condition: Callable[[], bool]) -> None:
    """Return once a condition holds."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


def answers(url: str) -> bool:
    """Whether a server answers that all is well."""
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _start_redis(folder: Path) -> RedisServer:
    command = [str(word) for word in _COMPOSE.services["redis"]["command"][1:]]
    options = [word.replace(f"{SECRETS}redis_users", f"{folder}/redis_users.acl") for word in command]
    redis = RedisServer(*options, "--dir", str(folder))
    redis.start()
    return redis


def _start_simulators(processes: dict[str, subprocess.Popen[bytes]]) -> list[str]:
    """Start the simulators and return their addresses, in the order of their ports in the composition."""
    command = [*_COMMAND, "simulators", "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)  # noqa: S603 - our own
    processes["simulators"] = process
    assert process.stdout is not None
    return [process.stdout.readline().decode().split()[1].removeprefix("http://") for _ in range(5)]


def _environment(name: str, folder: Path, simulators: list[str], port: int, public_port: int) -> dict[str, str]:
    """Return the environment of a gateway as a process of this machine."""
    environment = _COMPOSE.environment(name, folder)
    for number, address in enumerate(simulators):
        environment = {key: value.replace(f"simulators:{8101 + number}", address) for key, value in environment.items()}
    ours = {
        "GATEWAY_PORT": str(port),
        "GATEWAY_PUBLIC_URL": f"https://127.0.0.1:{public_port}",
        "GATEWAY_TRUSTED_PROXIES": "127.0.0.1",
    }
    return {**os.environ, **environment, **ours}


def _start_proxy(running: Deployed, health: int) -> None:
    configuration = nginx_configuration(running.folder, running.ports, running.port, health)
    running.processes["nginx"] = subprocess.Popen(nginx_command(configuration))  # noqa: S603 - nginx
    needed("wget", "wget")
    watch = [DEPLOY / "nginx" / "watch-readiness", running.folder / "not-ready"]
    asked = [f"{name}={running.gateway_url(name)}/readyz" for name in GATEWAYS]
    running.processes["readiness"] = subprocess.Popen([*watch, *asked])  # noqa: S603 - our own


def _end(processes: dict[str, subprocess.Popen[bytes]]) -> None:
    for process in reversed(processes.values()):
        # Gateways do not drain at it.
        process.send_signal(signal.SIGINT)
    for process in processes.values():
        process.wait(PATIENCE_SECONDS)
        if process.stdout is not None:
            process.stdout.close()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
