from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from gateway.ide.page import Ide


def client_of(ide: Ide) -> httpx.AsyncClient:
    app = Starlette(routes=[Mount("/ide", ide.assets)])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway")


@pytest.fixture
def built(tmp_path: Path) -> Ide:
    (tmp_path / "index.html").write_text("<html><head></head></html>")
    (tmp_path / "ide").mkdir()
    (tmp_path / "ide" / "index-4f2a.js").write_text("start()")
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
