"""How the answers about tasks are opened: the envelopes around them, and what is tolerated there.

An array may be null where it is empty. One task may stand where an array is expected, as the document of Create Draft
Tasks shows it.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from resolvers.errors import UpstreamBadAnswer
from resolvers.upstreams.answers import decode
from resolvers.upstreams.call import Answer, Call
from resolvers.upstreams.lenient import UnreadableRecord
from resolvers.upstreams.logistics.list_page import ListPage, page_size
from resolvers.upstreams.logistics.task_records import LogisticsTask, TaskReference, UpdatedTask
from resolvers.upstreams.partial_answers import whole_or_none


class _Tasks(msgspec.Struct, frozen=True):
    tasks: list[LogisticsTask] | LogisticsTask | None


class _TaskReferences(msgspec.Struct, frozen=True):
    tasks: list[TaskReference] | TaskReference


class _TaskPage(_Tasks, frozen=True):
    meta: Any = None


class _UpdatedTasks(msgspec.Struct, frozen=True):
    updated_tasks: list[UpdatedTask] | None


# Not strict: a number that comes as text, or the other way round, is still read.
_TASK: Final = msgspec.json.Decoder(LogisticsTask, strict=False)
_TASKS: Final = msgspec.json.Decoder(_Tasks, strict=False)
_TASK_REFERENCES: Final = msgspec.json.Decoder(_TaskReferences, strict=False)
_TASK_PAGE: Final = msgspec.json.Decoder(_TaskPage, strict=False)
_UPDATED_TASKS: Final = msgspec.json.Decoder(_UpdatedTasks, strict=False)


def one_task(call: Call, answer: Answer) -> LogisticsTask:
    """The task that an answer is."""
    return decode(_TASK, call, answer)


def changed_task(call: Call, answer: Answer) -> LogisticsTask | None:
    """The task that an answer to its change is; None where the change was made and the answer is not the whole task."""
    return whole_or_none(_TASK, call, answer)


def created_tasks(call: Call, answer: Answer) -> Sequence[LogisticsTask | TaskReference]:
    """The tasks in an answer to their creation, in its order, or their ids where one of them is not whole."""
    whole = whole_or_none(_TASKS, call, answer)
    if whole is not None:
        return [_task_or_reference(call, one) for one in _listed(whole)]
    references = decode(_TASK_REFERENCES, call, answer).tasks
    return [references] if isinstance(references, TaskReference) else references


def page_of_tasks(call: Call, answer: Answer) -> ListPage[LogisticsTask]:
    """The page of the list of tasks that an answer is."""
    page = decode(_TASK_PAGE, call, answer)
    return ListPage(_listed(page), page_size(page.meta))


def updated_tasks(call: Call, answer: Answer) -> list[UpdatedTask]:
    """What an answer says of the tasks that were changed; those that were not are missing from it."""
    tasks = decode(_UPDATED_TASKS, call, answer).updated_tasks or []
    named = [UpdatedTask(one.own_id or "") if isinstance(one, UnreadableRecord) else one for one in tasks]
    return [one for one in named if one.id]


def _task_or_reference(call: Call, task: LogisticsTask) -> LogisticsTask | TaskReference:
    """A created task, or its id where the rest cannot be read.

    Raises:
        UpstreamBadAnswer: its id cannot be read either.
    """
    if not isinstance(task, UnreadableRecord):
        return task
    if task.own_id is None:
        raise UpstreamBadAnswer(
            call.upstream, f"LOGISTICS answered {call.operation} with a task that has no id.", outcome_unknown=True
        )
    return TaskReference(task.own_id)


def _listed(answer: _Tasks) -> list[LogisticsTask]:
    tasks = answer.tasks
    return [tasks] if isinstance(tasks, LogisticsTask) else tasks or []
