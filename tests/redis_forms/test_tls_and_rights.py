"""Redis with TLS, with certificates of clients, and with a user who has the least rights that suffice."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError

from gateway.commands.redis_probe import RIGHTS, RedisProbe
from gateway.oauth.redis_store import RedisSessions
from gateway.oauth.session_store import Session
from gateway.operations.cost.budget import RedisBuckets
from gateway.operations.documents.persisted import SharedDocuments
from resolvers.idempotency.redis_store import RedisKeys
from resolvers.idempotency.store import UNIT_BYTES, KeyLimits, KeyName, Verdict
from resolvers.redis_servers import RedisForm, RedisServers
from resolvers.upstreams.transport.rate_state import RateStatus
from resolvers.upstreams.transport.shared_rate import RedisRate
from resolvers.upstreams.transport.stack import loop_clock
from tests.cache.notes import NOTE, Clock, Notes, Operation, Owner, process
from tests.project.deployment import make_secrets
from tests.redis_forms.logged import Pair, breaks_in
from tests.redis_groups import ask, redis_cluster, sentinel_group
from tests.redis_server import RedisServer, client_of

FREE: Final = RateStatus(0, 0, None, 0, 1, learnt=False, restricted=False)
USER: Final = ("ACL", "SETUSER", "gateway", "on", ">planted", "resetchannels", "~gateway:*", "&gateway:*")


class TLSServer(RedisServer):
    """A Redis that takes TLS only. Lifetime: one test."""

    def _arguments(self) -> list[str]:
        own = super()._arguments()
        own[own.index("--port")] = "--tls-port"
        return ["--port", "0", *own]


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """A folder with ca.pem, server.pem and client.pem, each with its key."""
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("ca", "server", "client")}
    now, issuer = datetime.now(UTC), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")])
    host = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    for name, key in keys.items():
        certificate = (
            x509.CertificateBuilder(issuer_name=issuer, public_key=key.public_key())
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=name == "ca", path_length=None), critical=True)
            .add_extension(host, critical=False)
            .sign(keys["ca"], SHA256())
        )
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / f"{name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM) + private)
    return tmp_path


@pytest.fixture(params=["no", "yes"], ids=["server only", "client too"])
def tls_server(request: pytest.FixtureRequest, certificates: Path) -> Iterator[TLSServer]:
    files = {"tls-cert-file": "server.pem", "tls-key-file": "server.pem", "tls-ca-cert-file": "ca.pem"}
    options = [text for name, file in files.items() for text in (f"--{name}", str(certificates / file))]
    server = TLSServer(*options, "--tls-auth-clients", request.param)
    server.start()
    yield server
    server.kill()


async def test_tls_is_used_with_a_file_of_authorities_and_a_certificate_of_the_client(
    tls_server: TLSServer, certificates: Path
) -> None:
    url = tls_server.url.replace("redis:", "rediss:")
    names = {"ssl_ca_certs": "ca.pem", "ssl_certfile": "client.pem", "ssl_keyfile": "client.pem"}
    files = "?" + "&".join(f"{option}={certificates / name}" for option, name in names.items())

    await RedisProbe(url + files, "gateway:").run()
    with pytest.raises(RedisConnectionError, match="certificate verify failed"):
        await RedisProbe(url, "gateway:").run()


@asynccontextmanager
async def single(folder: Path) -> AsyncIterator[tuple[str, list[RedisServer]]]:
    del folder
    server = RedisServer()
    server.start()
    try:
        yield server.url, [server]
    finally:
        server.kill()


@asynccontextmanager
async def sentinels(folder: Path) -> AsyncIterator[tuple[str, list[RedisServer]]]:
    async with sentinel_group(folder) as group:
        for sentinel in group.sentinels:
            rights = ("-@all", "+sentinel|masters", "+ping")
            await ask(sentinel, "ACL", "SETUSER", "watcher", "on", ">planted", *rights)
        login = "sentinel_username=watcher&sentinel_password=planted"
        yield f"{group.url}?{login}", [group.master, group.replica]


@asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[tuple[str, list[RedisServer]]]:
    async with redis_cluster(folder) as started:
        yield started.url, started.nodes


FORMS: Final = {RedisForm.SINGLE: single, RedisForm.SENTINEL: sentinels, RedisForm.CLUSTER: cluster}


@pytest.mark.parametrize("form", FORMS)
async def test_the_least_rights_suffice_for_all_that_the_gateway_does(form: RedisForm, tmp_path: Path) -> None:
    async with FORMS[form](tmp_path) as (plain, servers):
        for server in servers:
            await ask(server, *USER, *RIGHTS[form].split())
            await ask(server, "ACL", "LOG", "RESET")
        url = plain.replace("://", "://gateway:planted@")

        await RedisProbe(url, "gateway:").run()
        await use_everything(url)

        refused = [entry for server in servers for entry in await ask(server, "ACL", "LOG")]
        # Not known before Redis 7.2; the client library goes on without it.
        assert [entry for entry in refused if entry[b"object"] != b"client|setinfo"] == []


async def test_the_user_of_a_composition_has_these_rights_and_no_others(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    server = RedisServer("--aclfile", str(tmp_path / "redis_users.acl"))
    server.start()
    try:
        url = (tmp_path / "redis_url").read_text().strip().replace("@redis:6379", f"@127.0.0.1:{server.port}")
        await RedisProbe(url, "gateway:").run()
        await use_everything(url)

        async with client_of(url) as redis:
            for command in ("CONFIG GET save", "FLUSHALL", "KEYS *", "ACL LIST", "GET others:key"):
                with pytest.raises(NoPermissionError):
                    await redis.execute_command(*command.split())  # type: ignore[no-untyped-call]  # the library has no types for it
    finally:
        server.kill()


async def use_everything(url: str) -> None:
    await use_cache(url)
    await use_log(url)
    await use_sessions(url)
    await use_keys(url)
    await use_counts(url)


async def use_cache(url: str) -> None:
    notes, clock = Notes(), Clock()
    notes.write("ann", "1", "old", final=True)
    ann = Owner("ann", notes)
    async with process(url, "gateway:", clock) as one, process(url, "gateway:", clock) as other:
        await Operation(one, ann).load("1")
        await Operation(other, ann).load("1")
        await one.forget("ann", NOTE, ["1"])
        assert one.counts.unacknowledged == one.counts.redis_failures == other.counts.redis_failures == 0
        assert one.shared is not None
        one.shared._too_many = True
        await one.shared._forget_pending()
        assert len(notes.fetched) == 1


async def use_log(url: str) -> None:
    pair = Pair(url)
    try:
        subscribers = await pair.start()
        cursor = subscribers[0].events[-1].cursor
        await pair.move(0.5)
        resumed = pair.follow(1, cursor)
        await pair.moves_are_told([*subscribers, resumed])
        assert [breaks_in(one.events) for one in subscribers] == [[], []]
        assert "GAP" not in resumed.told
    finally:
        await pair.close()


async def use_sessions(url: str) -> None:
    servers = RedisServers(url)
    prefix = servers.together("gateway:", "oauth")
    store = RedisSessions(servers.client(2.0, prefix), prefix, time.time, replicated=servers.replicated)
    now = time.time()
    try:
        for token_hash in ("one", "two"):
            session = Session(token_hash, token_hash, "person", b"sealed", now, now + 60)
            await store.add(session)
            await store.reseal(session, b"again")
        assert [one.sealed for one in await store.of_subject("person")] == [b"again"] * 2
        await store.remove(session)
        assert (await store.spend("mark", now + 60), await store.spend("mark", now + 60)) == (True, False)
        async with store.locked("own", 5):
            await store.keep_tokens("own", b"sealed")
        assert await store.tokens("own") == b"sealed"
    finally:
        await store.close()


async def use_keys(url: str) -> None:
    servers = RedisServers(url)
    prefix = servers.together("gateway:", "idempotency")
    limits = KeyLimits(keys_per_caller=3)
    store = RedisKeys(servers.client(2.0, prefix), prefix, limits, replicated=servers.replicated)
    first, second = KeyName("caller", "first"), KeyName("caller", "second")
    try:
        claimed = [(await store.claim(first, b"input", owner, 60)).verdict for owner in ("one", "two")]
        await store.extend(first, "one", 60)
        assert await store.write(first, "one", bytes(2 * UNIT_BYTES), 0, settled=True)
        claimed += [(await store.claim(name, b"input", "two", 60)).verdict for name in (first, second)]
        assert claimed == [Verdict.OWNED, Verdict.BUSY, Verdict.SETTLED, Verdict.FULL]
        assert not await store.write(second, "two", b"", 0, settled=False)
    finally:
        await store.close()


async def use_counts(url: str) -> None:
    client = RedisServers(url).spread(2.0)
    try:
        rate = RedisRate(client, "gateway:", loop_clock)
        await rate.change("address", lambda state, _: (msgspec.structs.replace(state, refusals=1), FREE))
        await asyncio.gather(*(RedisBuckets(client, "gateway:", loop_clock).take(name, 1, 2) for name in "abc"))
        documents = SharedDocuments(client, "gateway:")
        await documents.put("digest", "{ a }")
        assert await SharedDocuments(client, "gateway:").get("digest") == "{ a }"
        assert rate.failures == 0
    finally:
        await client.aclose()
