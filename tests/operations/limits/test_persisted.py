"""Persisted operations: Apollo's automatic ones, and manifests of trusted documents."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest
from redis.asyncio import Redis

from gateway.app import create_app
from gateway.operations.documents.persisted import (
    DocumentStore,
    LocalDocuments,
    ManifestProblem,
    SharedDocuments,
    read_manifest,
)
from gateway.settings import SettingsProblems, load_settings
from tests.lifespan import lifespan_of
from tests.redis_server import client_of
from tests.subscriptions.loopback import serving
from tests.subscriptions.socket_client import NEW, OLD, initialized
from tests.world import Answer, World, running_world

QUERY: Final = "query Names { upstreams { name } }"
HASH: Final = sha256(QUERY.encode()).hexdigest()
OTHER: Final = "{ __typename }"
APOLLO: Final = {
    "format": "apollo-persisted-query-manifest",
    "version": 1,
    "operations": [{"id": HASH, "name": "Names", "type": "query", "body": QUERY}],
}

RELAY: Final = {HASH: QUERY}


def named(digest: object = HASH, version: object = 1) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": version, "sha256Hash": digest}}}


async def post(world: World, body: dict[str, Any]) -> Answer:
    return Answer(await world.client.post(f"{world.url}/graphql", json=body))


async def get(world: World, **parameters: str) -> Answer:
    return Answer(await world.client.get(f"{world.url}/graphql", params=parameters))


async def test_a_document_is_known_by_its_hash_once_it_was_sent_by_post_or_get() -> None:
    async with running_world() as world:
        before = await post(world, named())
        registered = await post(world, {"query": QUERY, **named()})
        by_post = await post(world, named())
        by_get = await get(world, extensions=json.dumps(named()["extensions"]))
        by_id = await post(world, {"documentId": f"sha256:{HASH}"})

    assert before.json["errors"][0]["message"] == "PersistedQueryNotFound"
    assert before.codes == {"": "PERSISTED_QUERY_NOT_FOUND"}
    assert registered.data == by_post.data == by_get.data == by_id.data


async def test_a_document_may_be_registered_by_get() -> None:
    async with running_world() as world:
        await get(world, query=QUERY, extensions=json.dumps(named()["extensions"]))
        known = await post(world, named())

    assert known.data


@pytest.mark.parametrize(
    "body",
    [
        {"query": OTHER, **named()},
        named(version=2),
        named("not a hash"),
        named(None),
        named(5),
        {"query": QUERY, "extensions": {"persistedQuery": "x"}},
        {"documentId": "sha256:x"},
        {},
    ],
)
async def test_a_wrong_hash_is_bad_input_and_registers_nothing(body: dict[str, Any]) -> None:
    async with running_world() as world:
        refused = await post(world, body)
        after = await post(world, named())

    assert refused.codes == {"": "BAD_INPUT"}
    assert after.codes == {"": "PERSISTED_QUERY_NOT_FOUND"}


async def test_a_mutation_by_its_hash_is_no_way_around_get() -> None:
    mutation = 'mutation { cancelDelivery(id: "1") { errors { message } } }'
    digest = sha256(mutation.encode()).hexdigest()
    async with running_world() as world:
        await post(world, {"query": mutation, **named(digest)})
        world.deliveries.requests.clear()
        response = await world.client.get(
            f"{world.url}/graphql", params={"extensions": json.dumps(named(digest)["extensions"])}
        )

    assert response.status_code == 405
    assert len(world.deliveries.requests) == 0


async def test_the_store_of_a_process_is_bounded() -> None:
    store: DocumentStore = LocalDocuments(max_characters=100)
    for number in range(10):
        await store.put(str(number), "x" * 30)
    await store.put("large", "x" * 101)

    kept = [number for number in range(10) if await store.get(str(number))]

    assert kept == [7, 8, 9]
    assert await store.get("large") is None


async def test_processes_share_documents_by_redis(redis_url: str, redis_prefix: str) -> None:
    async with client_of(redis_url) as one, client_of(redis_url) as two:
        await SharedDocuments(one, redis_prefix).put(HASH, QUERY)
        found = await SharedDocuments(two, redis_prefix).get(HASH)

    assert found == QUERY


async def test_without_redis_each_process_keeps_its_own(redis_prefix: str) -> None:
    async with Redis.from_url("redis://127.0.0.1:1") as nowhere:
        store = SharedDocuments(nowhere, redis_prefix)
        await store.put(HASH, QUERY)

        assert await store.get(HASH) == QUERY
        assert await store.get("0" * 64) is None


@pytest.mark.parametrize("manifest", [APOLLO, RELAY, {f"sha256:{HASH}": QUERY}], ids=["apollo", "relay", "prefix"])
@pytest.mark.parametrize(
    "body",
    [{"query": QUERY}, named(), {"documentId": HASH}, {"doc_id": HASH}, {"id": HASH}, {"documentId": f"sha256:{HASH}"}],
    ids=["text", "apollo", "documentId", "doc_id", "id", "prefixed"],
)
async def test_a_trusted_document_runs_whichever_way_it_is_named(
    tmp_path: Path, manifest: dict[str, Any], body: dict[str, Any]
) -> None:
    async with trusting(tmp_path, manifest) as world:
        answer = await post(world, body)

    assert answer.data["upstreams"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": OTHER}, "FORBIDDEN"),
        ({"query": "{ __schema { types { name } } }"}, "FORBIDDEN"),
        ({"query": QUERY + " "}, "FORBIDDEN"),
        ({"query": OTHER, **named(sha256(OTHER.encode()).hexdigest())}, "FORBIDDEN"),
        (named("0" * 64), "PERSISTED_QUERY_NOT_FOUND"),
        ({"documentId": "nothing"}, "PERSISTED_QUERY_NOT_FOUND"),
    ],
)
async def test_nothing_but_trusted_documents_runs(tmp_path: Path, body: dict[str, Any], code: str) -> None:
    async with trusting(tmp_path, APOLLO) as world:
        refused = await post(world, body)
        page = await world.client.get(f"{world.url}/graphql", headers={"accept": "text/html"})

    assert refused.codes == {"": code}
    assert "<html" not in page.text


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"a": 1}',
        json.dumps({**APOLLO, "format": "other"}),
        json.dumps({**APOLLO, "version": 2}),
    ],
)
def test_a_file_that_is_no_manifest_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(content)

    with pytest.raises(ManifestProblem, match=r"manifest\.json"):
        read_manifest(path)


async def test_a_gateway_does_not_start_with_a_broken_manifest(tmp_path: Path) -> None:
    with pytest.raises(SettingsProblems, match="GATEWAY_TRUSTED_DOCUMENTS"):
        async with trusting(tmp_path, {}):
            pass


@pytest.mark.parametrize(("protocol", "subscribe"), [(NEW, "subscribe"), (OLD, "start")])
@pytest.mark.parametrize("more", [{}, named(sha256(OTHER.encode()).hexdigest()), {"documentId": HASH}])
async def test_nothing_but_trusted_documents_runs_over_a_web_socket(
    tmp_path: Path, protocol: str, subscribe: str, more: dict[str, Any]
) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(APOLLO))
    app = create_app(load_settings({"GATEWAY_AUTH__ANONYMOUS": "true", "GATEWAY_TRUSTED_DOCUMENTS": str(path)}))
    async with (
        lifespan_of(app),
        serving(app, max_message_bytes=10_000) as port,
        initialized(port, protocol) as socket,
    ):
        await socket.say(subscribe, "1", query=OTHER, **more)
        refused = await socket.hear()
        await socket.say(subscribe, "2", documentId=HASH)
        while (served := await socket.hear()).get("id") != "2":
            pass

    assert '"FORBIDDEN"' in json.dumps(refused)
    assert served["payload"]["data"]["upstreams"]


@pytest.mark.parametrize("accept", ["text/event-stream", "multipart/mixed;subscriptionSpec=1.0", "*/*"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_nothing_but_trusted_documents_runs_by_any_method_or_stream(
    tmp_path: Path, method: str, accept: str
) -> None:
    async with trusting(tmp_path, APOLLO) as world:
        sent = {"params" if method == "GET" else "json": {"query": OTHER}}
        response = await world.client.request(method, f"{world.url}/graphql", headers={"accept": accept}, **sent)

    assert '"FORBIDDEN"' in response.text
    assert '"__typename"' not in response.text


async def test_a_batch_may_name_trusted_documents_and_nothing_else(tmp_path: Path) -> None:
    async with trusting(tmp_path, APOLLO) as world:
        response = await world.client.post(f"{world.url}/graphql", json=[{"documentId": HASH}, {"query": OTHER}])

    trusted, other = response.json()
    assert "errors" not in trusted
    assert other["errors"][0]["extensions"]["code"] == "FORBIDDEN"


def trusting(directory: Path, manifest: dict[str, Any]) -> Any:  # noqa: ANN401 - a context manager of a world
    path = directory / "manifest.json"
    path.write_text(json.dumps(manifest))
    return running_world({"GATEWAY_TRUSTED_DOCUMENTS": str(path)})
