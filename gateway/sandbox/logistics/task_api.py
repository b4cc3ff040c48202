"""Routes of the simulated logistics API for tasks: those of the partner and those of the platform."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.sandbox.clock import Clock
from gateway.sandbox.logistics.credentials import Credentials
from gateway.sandbox.logistics.organizations import Organizations
from gateway.sandbox.logistics.requests import (
    answer,
    check_array,
    check_objects,
    check_required_text,
    check_text,
    invalid,
    read_body,
    read_descending,
    read_page,
    version_conflict,
)
from gateway.sandbox.logistics.task_bodies import new_tasks, task_changes
from gateway.sandbox.logistics.tasks import Fields, Task, TaskStore, task_document, updated_task_document, wire_time


class TaskApi:
    """The routes for tasks; simulator lifetime.

    Args:
        clock: The sandbox's clock.
        credentials: Authenticates the callers.
        tasks: All tasks.
        organizations: The organizations that a task may belong to.
    """

    def __init__(self, clock: Clock, credentials: Credentials, tasks: TaskStore, organizations: Organizations) -> None:
        self._clock = clock
        self._credentials = credentials
        self._tasks = tasks
        self._organizations = organizations

    @property
    def routes(self) -> list[Route]:
        """The routes; fixed paths come before those with an id."""
        return [
            Route("/tasks", self.create, methods=["POST"]),
            Route("/tasks/{task_id}", self.detail),
            Route("/tasks/{task_id}/cancel", self.cancel, methods=["PATCH"]),
            Route("/platform/tasks", self.platform_list),
            Route("/platform/tasks", self.platform_create, methods=["POST"]),
            Route("/platform/tasks/draft", self.create_drafts, methods=["POST"]),
            Route("/platform/tasks/broadcast", self.broadcast, methods=["POST"]),
            Route("/platform/tasks/broadcast-with-tracking", self.broadcast_with_tracking, methods=["POST"]),
            Route("/platform/tasks/tracking-ids", self.patch_tracking_ids, methods=["PATCH"]),
            Route("/platform/tasks/{task_id}", self.platform_detail),
            Route("/platform/tasks/{task_id}", self.update, methods=["PATCH"]),
        ]

    async def create(self, request: Request) -> Response:
        """Create and broadcast the partner's own tasks."""
        self._caller(request)
        created = await self._create(request, broadcast=True)
        return answer({"tasks": created, "server_time": self._server_time()}, 201)

    async def detail(self, request: Request) -> Response:
        """Return one task."""
        self._caller(request)
        return self._detail(self._tasks.find(request.path_params["task_id"]))

    async def cancel(self, request: Request) -> Response:
        """Cancel a task that no driver has accepted."""
        self._caller(request)
        task = self._tasks.find(request.path_params["task_id"])
        reason = check_required_text((await read_body(request)).get("reason"), "reason")
        self._tasks.cancel(task, reason, self._clock.now())
        # The document's words, without the task.
        return answer({"message": "Successfully cancel the task"})

    async def platform_create(self, request: Request) -> Response:
        """Create and broadcast tasks for an associated organization or the partner itself."""
        self._administrator(request)
        created = await self._create(request, broadcast=True)
        return answer({"total_tasks": len(created), "tasks": created, "server_time": self._server_time()}, 201)

    async def create_drafts(self, request: Request) -> Response:
        """Create tasks without broadcasting them."""
        self._administrator(request)
        created = await self._create(request, broadcast=False)
        return answer({"total_tasks": len(created), "tasks": created, "server_time": self._server_time()}, 201)

    async def platform_list(self, request: Request) -> Response:
        """Return a page of all tasks by time of creation."""
        self._administrator(request)
        page, per_page = read_page(request)
        now = self._clock.now()
        tasks = self._tasks.page(page, per_page, descending=read_descending(request))
        documents = [task_document(task, now) for task in tasks]
        # Without a total, which the vendor's public lists lack.
        return answer({"meta": {"page": page, "per_page": per_page}, "tasks": documents})

    async def platform_detail(self, request: Request) -> Response:
        """Return one task."""
        self._administrator(request)
        return self._detail(self._tasks.find(request.path_params["task_id"]))

    async def update(self, request: Request) -> Response:
        """Change fields of a task if `version_rev` is current."""
        self._administrator(request)
        task = self._tasks.find(request.path_params["task_id"])
        body = await read_body(request)
        sent = check_required_text(body.get("version_rev"), "version_rev")
        now = self._clock.now()
        if sent != task.version_rev(now):
            raise version_conflict(sent)
        changes = task_changes(body, task.fields)
        # Everything is checked before `edit`, so that a refused update changes nothing.
        self._check_organization(changes, "org_id")
        self._tasks.edit(task, changes, now)
        return self._detail(task)

    async def broadcast(self, request: Request) -> Response:
        """Broadcast the tasks that are drafts; others are omitted from the response."""
        self._administrator(request)
        named = check_array((await read_body(request)).get("task_ids"), "task_ids")
        task_ids = [check_text(task_id, f"task_ids[{index}]") for index, task_id in enumerate(named)]
        now = self._clock.now()
        done = [self._tasks.broadcast(task_id, now) for task_id in task_ids]
        return self._updated([task for task in done if task is not None])

    async def broadcast_with_tracking(self, request: Request) -> Response:
        """Broadcast the tasks that are drafts and set their tracking ids; others are omitted from the response."""
        self._administrator(request)
        pairs = await _read_tracking_ids(request)
        now = self._clock.now()
        done = []
        for task_id, tracking_id in pairs:
            # "Only [...] draft task that successfully confirmed to broadcast" (document: Broadcast with Tracking).
            task = self._tasks.broadcast(task_id, now)
            if task is not None:
                self._tasks.edit(task, {"tracking_id": tracking_id}, now)
                done.append(task)
        return self._updated(done)

    async def patch_tracking_ids(self, request: Request) -> Response:
        """Set the tracking ids of tasks; unknown tasks are omitted from the response."""
        self._administrator(request)
        pairs = await _read_tracking_ids(request)
        now = self._clock.now()
        done = []
        for task_id, tracking_id in pairs:
            task = self._tasks.get(task_id)
            if task is not None:
                self._tasks.edit(task, {"tracking_id": tracking_id}, now)
                done.append(task)
        return self._updated(done)

    def _caller(self, request: Request) -> None:
        self._credentials.caller(request.headers.get("authorization"))

    def _administrator(self, request: Request) -> None:
        self._credentials.caller(request.headers.get("authorization")).require_administrator()

    def _server_time(self) -> str:
        return wire_time(self._clock.now())

    async def _create(self, request: Request, *, broadcast: bool) -> list[Fields]:
        body = await read_body(request)
        now = self._clock.now()
        own_id = self._credentials.user["org_id"]
        drafts = [{"org_id": own_id, **fields} for fields in new_tasks(body, now)]
        for index, fields in enumerate(drafts):
            self._check_organization(fields, f"tasks[{index}].org_id")
        return [task_document(task, now) for task in self._tasks.create(drafts, now, broadcast=broadcast)]

    def _check_organization(self, fields: Fields, path: str) -> None:
        org_id = fields.get("org_id")
        # "To associated organizations or own" (document: Create Tasks).
        if org_id is not None and org_id not in (*self._organizations.ids, self._credentials.user["org_id"]):
            raise invalid(path, "must be the partner's own or an associated organization")

    def _detail(self, task: Task) -> Response:
        now = self._clock.now()
        return answer({"server_time": wire_time(now), **task_document(task, now)})

    def _updated(self, tasks: list[Task]) -> Response:
        now = self._clock.now()
        updated = [updated_task_document(task, now) for task in tasks]
        return answer({"updated_tasks": updated, "server_time": wire_time(now)})


async def _read_tracking_ids(request: Request) -> list[tuple[str, str]]:
    # The document shows nothing of the elements; both fields are assumed.
    pairs = check_objects((await read_body(request)).get("tasks"), "tasks")
    return [
        (
            check_required_text(pair.get("id"), f"tasks[{index}].id"),
            check_required_text(pair.get("tracking_id"), f"tasks[{index}].tracking_id"),
        )
        for index, pair in enumerate(pairs)
    ]
