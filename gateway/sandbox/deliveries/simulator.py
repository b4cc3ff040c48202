"""The simulated send-tasks API: its routes, the checks of every request, and the assembly of the simulator.

Every response is computed from the store and the time of the sandbox's clock. A send-task's course is decided when the
task becomes deliverable, and its status is read off that course, so no background work moves it.
"""

from collections.abc import Callable
from datetime import datetime
from random import Random

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from gateway.sandbox.clock import AdjustableClock
from gateway.sandbox.deliveries.jsonapi import (
    MEDIA_TYPE,
    Document,
    ListQuery,
    RefusalError,
    error,
    error_document,
    page_document,
    refusal,
    single_document,
)
from gateway.sandbox.deliveries.login import DeliveriesLogin
from gateway.sandbox.deliveries.records import (
    SendTask,
    identification_resource,
    product_resource,
    send_task_resource,
)
from gateway.sandbox.deliveries.requests import FILTERS, matching, new_send_task, parsed_query, send_task_change
from gateway.sandbox.deliveries.seed import delivery_arrivals, seed_deliveries
from gateway.sandbox.deliveries.store import DeliveriesStore
from gateway.sandbox.generated_records import Arrivals
from gateway.sandbox.options import DeliveriesOptions
from gateway.sandbox.simulator import Simulator

_DEFAULTS = DeliveriesOptions()
_BASE_PATH = "/api/v1"
_ACCEPTED = frozenset({MEDIA_TYPE, "application/*", "*/*"})
_WITH_BODY = frozenset({"POST", "PATCH"})

Answer = tuple[int, Document]
Handler = Callable[[Request, bytes, datetime], Answer]


class DeliveriesSimulator(Simulator):
    """The simulated send-tasks API; server lifetime.

    Args:
        app: The ASGI app of the API.
        clock: The sandbox's clock.
        store: The records.
        arrivals: Adds new send-tasks on each `catch_up`.
    """

    def __init__(self, app: ASGIApp, clock: AdjustableClock, store: DeliveriesStore, arrivals: Arrivals) -> None:
        failure = orjson.dumps(error_document([error(500, title="Internal Server Error")]))
        super().__init__("deliveries", app, clock, error_in_200=failure)
        self.store = store
        self.arrivals = arrivals


def create_deliveries(
    clock: AdjustableClock, *, seed: int = 1, options: DeliveriesOptions = _DEFAULTS
) -> DeliveriesSimulator:
    """Create the simulated send-tasks API with its records. Base path /api/v1, tokens at /oauth/token.

    Args:
        clock: The sandbox's clock, by which tokens expire and deliveries progress.
        seed: The same seed and start give the same records, tokens and outcomes.
        options: Behaviour that the document leaves open.

    Returns:
        The simulator; serve its `app`.
    """
    random = Random(seed)  # noqa: S311 - planted records, no secrets
    store, start = DeliveriesStore(random), clock.now()
    seed_deliveries(store, start)
    login = DeliveriesLogin(
        email=options.email,
        password=options.password,
        fixed_token=options.token,
        token_seconds=options.token_seconds,
        random=random,
    )
    app = DeliveriesApi(clock, store, login, options).app
    return DeliveriesSimulator(app, clock, store, delivery_arrivals(store, seed, start))


class DeliveriesApi:
    """The routes of the send-tasks API; simulator lifetime.

    Args:
        clock: The sandbox's clock.
        store: The records.
        login: Issues and checks the bearer tokens.
        options: Behaviour that the document leaves open.

    Attributes:
        app: The ASGI app.
    """

    def __init__(
        self, clock: AdjustableClock, store: DeliveriesStore, login: DeliveriesLogin, options: DeliveriesOptions
    ) -> None:
        self._clock = clock
        self._store = store
        self._login = login
        self._options = options
        self.app = Starlette(routes=self._routes(), exception_handlers={HTTPException: _unrouted})

    def _routes(self) -> list[Route]:
        task = "/send-tasks/{task_id}"
        operations: list[tuple[str, str, Handler]] = [
            ("GET", "/send-tasks", self._list),
            ("POST", "/send-tasks", self._create),
            ("GET", task, self._get),
            ("PATCH", task, self._update),
            ("DELETE", task, _refuse_delete),
            ("GET", f"{task}/product", self._related_product),
            ("GET", f"{task}/dsp-upload-identification", self._related_identification),
            ("GET", f"{task}/relationships/{{name}}", self._relationship),
            ("GET", "/products", self._list_products),
            # No page shows these two reads; they are assumed after those of other resources.
            ("GET", "/products/{product_id}", self._product),
            ("GET", "/dsp-upload-identifications/{identification_id}", self._identification),
        ]
        routes = [
            Route(_BASE_PATH + path, self._endpoint(handler), methods=[method]) for method, path, handler in operations
        ]
        return [Route("/oauth/token", self._token, methods=["POST"]), *routes]

    async def _token(self, request: Request) -> Response:
        status, answer = self._login.answer(await request.body(), self._clock.now())
        return Response(orjson.dumps(answer), status, media_type="application/json")

    def _endpoint(self, handler: Handler) -> Callable[[Request], object]:
        async def answer(request: Request) -> Response:
            body = await request.body()
            now = self._clock.now()
            try:
                self._check(request, now)
                status, document = handler(request, body, now)
            except RefusalError as refused:
                return _error_response(request, refused.status, refused.errors)
            return Response(orjson.dumps(document), status, media_type=MEDIA_TYPE)

        return answer

    def _check(self, request: Request, now: datetime) -> None:
        if not self._login.accepts(request.headers.get("authorization"), now):
            raise refusal(401, "Unauthenticated.")
        if _accepted(request).isdisjoint(_ACCEPTED):
            raise refusal(406, f"Accept must allow {MEDIA_TYPE}.")
        needed = request.method in _WITH_BODY or self._options.content_type_on_reads
        # Exactly: JSON:API bids 415 for the type with parameters, such as a charset.
        if needed and request.headers.get("content-type") != MEDIA_TYPE:
            raise refusal(415, f"Content-Type must be {MEDIA_TYPE}, on every request.")

    def _list(self, request: Request, _body: bytes, now: datetime) -> Answer:
        query = self._query(request, FILTERS)
        found = matching(self._store.send_tasks.values(), query.filters, now, self._options.comma_list)
        base = _base(request)
        return 200, page_document(found, query, lambda task: send_task_resource(task, now, base), _url(request))

    def _create(self, request: Request, body: bytes, now: datetime) -> Answer:
        return 201, self._document(request, self._store.create(new_send_task(body), now), now)

    def _get(self, request: Request, _body: bytes, now: datetime) -> Answer:
        return 200, self._document(request, self._task(request), now)

    def _update(self, request: Request, body: bytes, now: datetime) -> Answer:
        task = self._task(request)
        self._store.update(task, send_task_change(body, str(task.task_id)), now)
        return 200, self._document(request, task, now)

    def _related_product(self, request: Request, _body: bytes, _now: datetime) -> Answer:
        product = self._store.products[str(self._task(request).product_id)]
        return 200, single_document(product_resource(product, _base(request)), {"self": _url(request)})

    def _related_identification(self, request: Request, _body: bytes, _now: datetime) -> Answer:
        found = self._store.identifications[str(self._task(request).identification_id)]
        return 200, single_document(identification_resource(found, _base(request)), {"self": _url(request)})

    def _relationship(self, request: Request, _body: bytes, _now: datetime) -> Answer:
        task, name = self._task(request), request.path_params["name"]
        identifiers = {
            "product": {"type": "products", "id": str(task.product_id)},
            "dsp-upload-identification": {"type": "dsp-upload-identifications", "id": str(task.identification_id)},
        }
        if name not in identifiers:
            raise refusal(404)
        links = {"related": f"{_base(request)}/send-tasks/{task.task_id}/{name}", "self": _url(request)}
        return 200, single_document(identifiers[name], links)

    def _list_products(self, request: Request, _body: bytes, _now: datetime) -> Answer:
        # No filters of products are documented.
        query, base = self._query(request, frozenset()), _base(request)
        products = list(self._store.products.values())
        return 200, page_document(products, query, lambda product: product_resource(product, base), _url(request))

    def _product(self, request: Request, _body: bytes, _now: datetime) -> Answer:
        product = self._store.products.get(request.path_params["product_id"])
        if product is None:
            raise refusal(404)
        return 200, single_document(product_resource(product, _base(request)), {"self": _url(request)})

    def _identification(self, request: Request, _body: bytes, _now: datetime) -> Answer:
        found = self._store.identifications.get(request.path_params["identification_id"])
        if found is None:
            raise refusal(404)
        return 200, single_document(identification_resource(found, _base(request)), {"self": _url(request)})

    def _query(self, request: Request, filters: frozenset[str]) -> ListQuery:
        return parsed_query(
            request.query_params.multi_items(),
            filters=filters,
            default_size=self._options.page_size,
            max_size=self._options.max_page_size,
        )

    def _task(self, request: Request) -> SendTask:
        task = self._store.send_tasks.get(request.path_params["task_id"])
        if task is None:
            raise refusal(404)
        return task

    def _document(self, request: Request, task: SendTask, now: datetime) -> Document:
        resource = send_task_resource(task, now, _base(request))
        return single_document(resource, dict(resource["links"]))


def _refuse_delete(_request: Request, _body: bytes, _now: datetime) -> Answer:
    # The document says 422 and shows no body; the text is that of Laravel JSON:API.
    raise refusal(422, "The resource cannot be deleted.", title="Not Deletable")


async def _unrouted(request: Request, unrouted: Exception) -> Response:
    status = unrouted.status_code if isinstance(unrouted, HTTPException) else 500
    return _error_response(request, status, [error(status)])


def _error_response(request: Request, status: int, errors: list[Document]) -> Response:
    # Laravel answers JSON:API errors only to clients that name the media type, and a plain message to others.
    if MEDIA_TYPE in _accepted(request):
        return Response(orjson.dumps(error_document(errors)), status, media_type=MEDIA_TYPE)
    message = errors[0].get("detail", errors[0]["title"])
    return Response(orjson.dumps({"message": message}), status, media_type="application/json")


def _accepted(request: Request) -> set[str]:
    return {part.partition(";")[0].strip() for part in request.headers.get("accept", "*/*").split(",")}


def _base(request: Request) -> str:
    # With the host, as the links in the samples have it.
    return f"{request.url.scheme}://{request.url.netloc}{_BASE_PATH}"


def _url(request: Request) -> str:
    return f"{_base(request)}{request.url.path.removeprefix(_BASE_PATH)}"
