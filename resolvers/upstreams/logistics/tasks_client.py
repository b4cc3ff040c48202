"""The operations on logistics tasks (documents: Order; Platform Partners)."""

from collections.abc import Sequence

from resolvers.upstreams.call import CallScope
from resolvers.upstreams.logistics.connection import LogisticsConnection
from resolvers.upstreams.logistics.list_page import ListPage
from resolvers.upstreams.logistics.message_answers import confirmation
from resolvers.upstreams.logistics.paths import fill
from resolvers.upstreams.logistics.requests import NewTask, TaskChange, TrackingId
from resolvers.upstreams.logistics.task_records import (
    LogisticsTask,
    TaskReference,
    UpdatedTask,
    changed_task,
    created_tasks,
    one_task,
    page_of_tasks,
    updated_tasks,
)


class TasksClient(LogisticsConnection):
    """Reads and changes tasks; account lifetime.

    A platform partner's account reads and creates through the platform operations, any other through the partner's own.
    """

    async def task(self, scope: CallScope, task_id: str) -> LogisticsTask | None:
        """One task, or None where there is none with this id."""
        operation, path = "task_detail", self._paths.task_detail
        if self._config.platform:
            operation, path = "platform_task_detail", self._paths.platform_task_detail
        call = self._reading(scope, operation, fill(path, "{task_id}", task_id))
        answer = await self._found(call)
        return None if answer is None else one_task(call, answer)

    async def tasks(self, scope: CallScope, *, page: int, per_page: int, descending: bool) -> ListPage[LogisticsTask]:
        """One page of the tasks; one that is not full is the last.

        Args:
            scope: The operation's.
            page: From 1.
            per_page: From 1; the vendor's own default is 200, and it may take another: see `ListPage.per_page`.
            descending: The vendor does not say by what it orders.
        """
        self._require_platform("platform_list_tasks")
        order = "desc" if descending else "asc"
        path = self._paths.platform_list_tasks
        call = self._reading(scope, "platform_list_tasks", path, page=page, per_page=per_page, order=order)
        return page_of_tasks(call, await self._done(call))

    async def create_tasks(
        self, scope: CallScope, tasks: Sequence[NewTask], *, draft: bool
    ) -> Sequence[LogisticsTask | TaskReference]:
        """Create up to 20 tasks in one call, broadcast at once or kept as drafts.

        Returns:
            The tasks, or their ids alone where the upstream answers with no more.
        """
        operation, path = self._creation(draft=draft)
        call = self._writing(scope, operation, path, {"tasks": tasks})
        return created_tasks(call, await self._done(call))

    async def update_task(self, scope: CallScope, task_id: str, change: TaskChange) -> LogisticsTask | None:
        """Change a task.

        Returns:
            The task, or None where the upstream made the change and does not answer with the whole task.

        Raises:
            Conflicting: `change.version_rev` is not the task's revision any more.
            NotAllowedNow: the task's status forbids it.
            RecordMissing: there is no such task.
        """
        self._require_platform("platform_update_task")
        path = fill(self._paths.platform_update_task, "{task_id}", task_id)
        call = self._writing(scope, "platform_update_task", path, change, "PATCH")
        return changed_task(call, await self._done(call))

    async def cancel_task(self, scope: CallScope, task_id: str, reason: str) -> str | None:
        """Cancel a task that no driver has accepted yet.

        Returns:
            The upstream's message, where it confirms the cancellation in its documented form.

        Raises:
            NotAllowedNow: the task's status forbids it.
            RecordMissing: there is no such task.
        """
        path = fill(self._paths.cancel_task, "{task_id}", task_id)
        call = self._writing(scope, "cancel_task", path, {"reason": reason}, "PATCH")
        return confirmation(call, await self._done(call))

    async def broadcast_drafts(self, scope: CallScope, task_ids: Sequence[str]) -> list[UpdatedTask] | None:
        """Broadcast drafts; those that were not are missing from the answer, which is None where it names none."""
        self._require_platform("broadcast_draft_tasks")
        path = self._paths.broadcast_draft_tasks
        call = self._writing(scope, "broadcast_draft_tasks", path, {"task_ids": task_ids})
        return updated_tasks(call, await self._done(call))

    async def broadcast_with_tracking(self, scope: CallScope, items: Sequence[TrackingId]) -> list[UpdatedTask] | None:
        """Broadcast drafts and give a tracking id to those that were; answered as in `broadcast_drafts`."""
        self._require_platform("broadcast_with_tracking")
        call = self._writing(scope, "broadcast_with_tracking", self._paths.broadcast_with_tracking, {"tasks": items})
        return updated_tasks(call, await self._done(call))

    async def set_tracking_ids(self, scope: CallScope, items: Sequence[TrackingId]) -> list[UpdatedTask] | None:
        """Give tracking ids to tasks; those that are not there are missing; answered as in `broadcast_drafts`."""
        self._require_platform("patch_tracking_ids")
        path = self._paths.patch_tracking_ids
        call = self._writing(scope, "patch_tracking_ids", path, {"tasks": items}, "PATCH")
        return updated_tasks(call, await self._done(call))

    def _creation(self, *, draft: bool) -> tuple[str, str]:
        if draft:
            self._require_platform("create_draft_tasks")
            return "create_draft_tasks", self._paths.create_draft_tasks
        if self._config.platform:
            return "platform_create_tasks", self._paths.platform_create_tasks
        return "create_tasks", self._paths.create_tasks
