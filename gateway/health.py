"""Whether the process lives, and whether it takes work."""

from fastapi import FastAPI


def add_health_routes(rest: FastAPI) -> None:
    """Add `/livez` and `/readyz`; neither asks an upstream, whose outage is no reason to restart the gateway."""

    @rest.get("/livez", include_in_schema=False)
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @rest.get("/readyz", include_in_schema=False)
    async def readyz() -> dict[str, str]:
        return {"status": "ready"}
