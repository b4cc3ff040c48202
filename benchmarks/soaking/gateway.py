"""The gateway under the soak: `gateway serve` with observed workers, its settings' file, its Redis."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Final

from measuring.processes import BENCHMARKS, Server, free_port, running

from soaking.identities import API_KEYS, TENANTS, api_key, tenant

WEBHOOK_SECRET: Final = "soak"  # noqa: S105 - on loopback, during one run
_SERVE: Final = (
    "import os, sys; from gateway.commands.serve import run; sys.exit(run(os.environ, 'soaking.observed:create_app'))"
)

CACHE_ENTRIES: Final = 4000
"""So few that the caches are full before the warm-up is over: a cache that fills looks like a leak."""


def settings(urls: Mapping[str, str], redis: str, workers: int) -> dict[str, str]:
    """Return the gateway's settings.

    Args:
        urls: The base URLs of the upstreams.
        redis: The URL of Redis.
        workers: The number of processes.
    """
    return {
        "GATEWAY_WORKERS": str(workers),
        "GATEWAY_REDIS_URL": redis,
        "GATEWAY_SECRET_KEYS": "soak" * 8,
        "GATEWAY_DELIVERIES__URL": f"{urls['deliveries']}/api/v1",
        "GATEWAY_SMS__URLS": f"{urls['primary']}/rest/v1,{urls['secondary']}/rest/v1",
        "GATEWAY_LOGISTICS__URL": urls["logistics"],
        "GATEWAY_LOGISTICS__CLIENT_KEY": "sandbox-client-key",
        "GATEWAY_LOGISTICS__SECRET_KEY": "sandbox-secret-key",
        "GATEWAY_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "GATEWAY_SESSIONS__LOGINS_PER_MINUTE": "1000000",
        "GATEWAY_SESSIONS__ALL_LOGINS_PER_MINUTE": "1000000",
        "GATEWAY_CACHE__TTL_ACTIVE": "60",
        "GATEWAY_CACHE__MAX_ENTRIES": str(CACHE_ENTRIES),
        "GATEWAY_CACHE__MAX_BYTES": str(16 * 2**20),
        "GATEWAY_EVENTS__MAX_EVENTS": "1000",
        "GATEWAY_EVENTS__CONNECTIONS_PER_CALLER": "1000",
        "GATEWAY_LOG__LEVEL": "error",
    }


class SettingsFile:
    """The file with the accounts and the API keys, which a reload reads again; run lifetime.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._versions = dict.fromkeys(["own", *map(tenant, range(TENANTS))], 0)
        self.write()

    def rotate(self, chance: Random) -> None:
        """Give one account other credentials, as an operator does: its caches then begin anew."""
        self._versions[chance.choice(list(self._versions))] += 1
        self.write()

    def write(self) -> None:
        """Write the file as a whole, so that no reload reads half of it."""
        lines = [line for name, version in self._versions.items() for line in _account(name, version)]
        lines += ["[auth.api_keys]"]
        lines += [f'key{number} = "{sha256(api_key(number).encode()).hexdigest()}"' for number in range(API_KEYS)]
        lines += ["[auth.api_key_account]"]
        lines += [f'key{number} = "{tenant(number)}"' for number in range(0, API_KEYS, 2)]
        written = self.path.with_suffix(".new")
        written.write_text("\n".join(lines))
        written.replace(self.path)


def _account(name: str, version: int) -> list[str]:
    place = "" if name == "own" else f"accounts.{name}."
    token = f'token = "{name}:{version}"'
    login = [f'username = "{name}"', f'password = "{version}"']
    return [f"[{place}deliveries]", token, f"[{place}sms]", *login, f"[{place}logistics]", token]


@contextmanager
def serving(environment: Mapping[str, str], file: SettingsFile, folder: Path, every_seconds: float) -> Iterator[Server]:
    """Serve while the block runs.

    Args:
        environment: The settings but for those in the file.
        file: The file.
        folder: Where the workers write their samples.
        every_seconds: Between two samples.
    """
    port = free_port()
    more = {
        "GATEWAY_PORT": str(port),
        "GATEWAY_CONFIG": str(file.path),
        "SOAK_FOLDER": str(folder),
        "SOAK_EVERY_SECONDS": str(every_seconds),
        "PYTHONPATH": str(BENCHMARKS),
    }
    with running("the gateway", [sys.executable, "-c", _SERVE], port, "/readyz", {**environment, **more}) as server:
        yield server


@contextmanager
def redis_server() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run an empty Redis while the block runs; yields its URL and its process."""
    command, port = shutil.which("redis-server"), free_port()
    if command is None:
        sys.exit("There is no redis-server on PATH: install it.")
    silent = ["--save", "", "--bind", "127.0.0.1", "--loglevel", "warning"]
    process = subprocess.Popen([command, "--port", str(port), *silent], stdout=subprocess.DEVNULL)
    try:
        yield f"redis://127.0.0.1:{port}/0", process
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()


def reload(server: Server) -> None:
    """Let the gateway read its settings again."""
    os.kill(server.process.pid, signal.SIGHUP)
