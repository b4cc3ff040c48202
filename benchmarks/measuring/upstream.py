"""The three upstreams as one server of static responses, so that the gateway's own work dominates the figures."""

import os
import re
import shutil
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from measuring.bodies import price_body, static_bodies
from measuring.processes import Server, free_port, running, uvicorn_command

_QUIET_SECONDS: Final = 0.1
_NGINX: Final = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  default_type application/json;
  keepalive_timeout 600s;
  keepalive_requests 1000000000;
  open_file_cache max=20000 inactive=600s;
  open_file_cache_valid 600s;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    root {folder}/answers;
    location = /requests {{ stub_status; }}
    location = /logistics/price {{ return 200 '{price}'; }}
    location = /rest/v1/sms {{ try_files /rest/v1/sms/$arg_jobId.json =404; }}
    location / {{ try_files $uri.json =404; }}
  }}
}}
"""


@dataclass(frozen=True)
class Upstream:
    """The server of static responses; lifetime of its `static_upstream` block."""

    server: Server

    @property
    def gateway_settings(self) -> dict[str, str]:
        """The settings of a gateway that uses this server."""
        url = self.server.url
        return {
            "GATEWAY_DELIVERIES__URL": f"{url}/api/v1",
            "GATEWAY_DELIVERIES__TOKEN": "benchmark",
            "GATEWAY_SMS__URLS": f"{url}/rest/v1",
            "GATEWAY_SMS__USERNAME": "benchmark",
            "GATEWAY_SMS__PASSWORD": "benchmark",
            "GATEWAY_LOGISTICS__URL": f"{url}/logistics",
            "GATEWAY_LOGISTICS__TOKEN": "benchmark",
            "GATEWAY_AUTH__ANONYMOUS": "true",
            "GATEWAY_LOG__LEVEL": "error",
        }

    def requests(self) -> int:
        """Return the number of requests so far, without this one."""
        with urllib.request.urlopen(f"{self.server.url}/requests") as answer:  # noqa: S310 - our own server
            numbers = re.findall(r"\d+", answer.read().decode().split("Reading")[0])
        return int(numbers[-1]) - 1

    def settle(self) -> None:
        """Wait until no requests arrive: operations of disconnected clients may still be running."""
        asked = self.requests()
        # Reading the count is a request itself.
        while self._after_a_moment() > asked + 1:
            asked = self.requests()

    def _after_a_moment(self) -> int:
        time.sleep(_QUIET_SECONDS)
        return self.requests()


@contextmanager
def static_upstream(deliveries: int = 100) -> Iterator[Upstream]:
    """Serve the upstreams while the block runs, with nginx if it is installed, otherwise with uvicorn.

    Args:
        deliveries: How many deliveries are found by id.
    """
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:" + (os.environ.get("PATH", "")))
    port = free_port()
    with TemporaryDirectory() as name:
        folder = Path(name)
        if nginx:
            _write(folder, port, deliveries)
            command, environment = [nginx, "-p", name, "-c", f"{name}/nginx.conf"], {}
        else:
            command = uvicorn_command("measuring.static_apps:create_upstream", port, factory=True)
            environment = {"BENCHMARK_DELIVERIES": str(deliveries)}
        with running("the upstream", command, port, "/requests", environment) as server:
            yield Upstream(server)


def _write(folder: Path, port: int, deliveries: int) -> None:
    # If root starts nginx, it reads files as another user.
    folder.chmod(0o755)
    for path, body in static_bodies(deliveries):
        file = folder / "answers" / f"{path[1:]}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
    conf = _NGINX.format(folder=folder, port=port, price=price_body().decode())
    (folder / "nginx.conf").write_text(conf)
