import gzip
import os
from pathlib import Path
from typing import Final

import brotli  # type: ignore[import-untyped]  # it has no annotations
import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from gateway.ide.page import BUILD_DIRECTORY, Ide

CONTENT: Final = b"start(); " * 500


def client_of(ide: Ide) -> httpx.AsyncClient:
    app = Starlette(routes=[Mount("/ide", ide.assets)])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway")


@pytest.fixture
def built(tmp_path: Path) -> Ide:
    (tmp_path / "index.html").write_text("<html><head></head></html>")
    (tmp_path / "ide").mkdir()
    (tmp_path / "ide" / "index-4f2a.js").write_text("start()")
    (tmp_path / "ide" / "style-77aa.css").write_bytes(CONTENT)
    (tmp_path / "ide" / "style-77aa.css.br").write_bytes(brotli.compress(CONTENT))
    (tmp_path / "ide" / "style-77aa.css.gz").write_bytes(gzip.compress(CONTENT))
    return Ide(tmp_path)


async def test_a_file_named_by_its_hash_is_kept_for_ever(built: Ide) -> None:
    async with client_of(built) as client:
        answer = await client.get("/ide/index-4f2a.js")

    assert answer.text == "start()"
    assert answer.headers["content-type"].split(";")[0].endswith("/javascript")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_file_of_an_earlier_build_is_not_found_and_not_kept(built: Ide) -> None:
    async with client_of(built) as client:
        answer = await client.get("/ide/index-0000.js")

    assert answer.status_code == 404
    assert "cache-control" not in answer.headers


async def test_without_a_build_every_asset_is_not_found(tmp_path: Path) -> None:
    async with client_of(Ide(tmp_path)) as client:
        answer = await client.get("/ide/index-4f2a.js")

    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("accept_encoding", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("br;q=0.1, gzip;q=0.2", "gzip"),
        ("zstd", None),
        ("identity", None),
        ("zstd, identity;q=0", None),
    ],
)
async def test_a_file_comes_in_the_form_that_the_build_made_and_the_browser_prefers(
    built: Ide, accept_encoding: str, coding: str | None
) -> None:
    async with client_of(built) as client:
        answer = await client.get("/ide/style-77aa.css", headers={"accept-encoding": accept_encoding})
        tag = answer.headers["etag"]
        again = await client.get(
            "/ide/style-77aa.css", headers={"accept-encoding": accept_encoding, "if-none-match": tag}
        )
        head = await client.head("/ide/style-77aa.css", headers={"accept-encoding": accept_encoding})

    assert answer.content == CONTENT
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["vary"] == "accept-encoding"
    assert (again.status_code, again.headers["etag"], again.headers["vary"]) == (304, tag, "accept-encoding")
    assert "content-encoding" not in again.headers
    assert (head.headers["content-length"], head.content) == (answer.headers["content-length"], b"")


async def test_each_form_of_a_file_has_an_entity_tag_of_its_own(built: Ide) -> None:
    async with client_of(built) as client:
        answers = [
            await client.get("/ide/style-77aa.css", headers={"accept-encoding": coding})
            for coding in ("br", "gzip", "identity")
        ]

    assert len({answer.headers["etag"] for answer in answers}) == 3


async def test_a_file_without_compressed_forms_comes_as_it_is(built: Ide) -> None:
    async with client_of(built) as client:
        answer = await client.get("/ide/index-4f2a.js", headers={"accept-encoding": "br"})

    assert answer.text == "start()"
    assert "content-encoding" not in answer.headers


def test_the_build_has_both_forms_of_each_file_that_is_not_small() -> None:
    files = {file.name: file.read_bytes() for file in (BUILD_DIRECTORY / "ide").glob("*")}
    if not any(name.endswith(".br") for name in files):
        (pytest.fail if "CI" in os.environ else pytest.skip)("The front end was not built; run scripts/build-ide.")
    large = [
        name for name, content in files.items() if len(content) >= 1024 and Path(name).suffix not in (".br", ".gz")
    ]

    assert large != []
    for name in large:
        assert brotli.decompress(files[f"{name}.br"]) == gzip.decompress(files[f"{name}.gz"]) == files[name]
