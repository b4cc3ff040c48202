"""Whether the process lives, and whether it takes work."""

from collections.abc import Callable

from fastapi import FastAPI, Response, status


def add_health_routes(rest: FastAPI, accepting: Callable[[], bool]) -> None:
    """Add `/livez` and `/readyz`; neither asks an upstream, whose outage is no reason to restart the gateway.

    Args:
        rest: Gets the routes.
        accepting: Whether work is taken; no more once the process is to end.
    """

    @rest.api_route("/livez", methods=["GET", "HEAD"], include_in_schema=False)
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @rest.api_route("/readyz", methods=["GET", "HEAD"], include_in_schema=False)
    async def readyz(response: Response) -> dict[str, str]:
        if accepting():
            return {"status": "ready"}
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        return {"status": "ending"}
