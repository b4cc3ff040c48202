"""Serves the API for notes and a gateway with it, and prints their URLs: a process of its own, for names are global."""

import asyncio
import sys

import orjson
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from gateway.app import create_app
from gateway.sandbox.server import serving
from gateway.settings.groups import AuthSettings
from tests.lifespan import lifespan_of
from tests.scenarios.fourth_upstream.notes.composition import Notes, NotesSettings, SettingsWithNotes


def notes_api() -> Starlette:
    """Return an API with the notes 1 to 9, all done but the first, which tells its requests at /requests."""
    requests: list[str] = []

    async def note(request: Request) -> JSONResponse:
        requests.append(f"{request.url.path} {request.headers['authorization']}")
        own_id = request.path_params["id"]
        if len(own_id) > 1:
            return JSONResponse({}, 404)
        return JSONResponse({"note_id": own_id, "text": f"Note {own_id}", "done": own_id != "1"})

    async def told(_: Request) -> JSONResponse:
        return JSONResponse(requests)

    return Starlette(routes=[Route("/notes/{id}", note), Route("/requests", told)])


async def serve() -> None:
    """Serve until standard input ends."""
    async with serving(notes_api()) as notes_url:
        notes = NotesSettings(url=notes_url, token=SecretStr("notes token"))
        settings = SettingsWithNotes(notes=notes, auth=AuthSettings(anonymous=True))
        app = create_app(settings, others=[Notes()])
        async with lifespan_of(app), serving(app) as url:
            sys.stdout.write(orjson.dumps({"gateway": url, "notes": notes_url}).decode() + "\n")
            sys.stdout.flush()
            await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
