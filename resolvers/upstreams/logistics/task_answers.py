"""How the answers about tasks are opened: the envelopes around them, and what is tolerated there.

An array may be null where it is empty. One task may stand where an array is expected, as the document of Create Draft
Tasks shows it.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from resolvers.upstreams.answers import decode
from resolvers.upstreams.call import Answer, Call
from resolvers.upstreams.lenient import UnreadableRecord
from resolvers.upstreams.logistics.list_page import ListPage, page_size
from resolvers.upstreams.logistics.task_records import LogisticsTask, TaskReference, UpdatedTask
from resolvers.upstreams.partial_answers import whole_or_none


class _Tasks(msgspec.Struct, frozen=True):
    tasks: list[LogisticsTask] | LogisticsTask | None


class _OneReference(msgspec.Struct, frozen=True):
    tasks: TaskReference


class _TaskPage(_Tasks, frozen=True):
    meta: Any = None


class _UpdatedTasks(msgspec.Struct, frozen=True):
    updated_tasks: list[UpdatedTask] | None


# Not strict: a number that comes as text, or the other way round, is still read.
_TASK: Final = msgspec.json.Decoder(LogisticsTask, strict=False)
_TASKS: Final = msgspec.json.Decoder(_Tasks, strict=False)
_ONE_REFERENCE: Final = msgspec.json.Decoder(_OneReference, strict=False)
_TASK_PAGE: Final = msgspec.json.Decoder(_TaskPage, strict=False)
_UPDATED_TASKS: Final = msgspec.json.Decoder(_UpdatedTasks, strict=False)


def one_task(call: Call, answer: Answer) -> LogisticsTask:
    """The task that an answer is."""
    return decode(_TASK, call, answer)


def changed_task(call: Call, answer: Answer) -> LogisticsTask | None:
    """The task that an answer to its change is; None where the change was made and the answer is not the whole task."""
    return whole_or_none(_TASK, call, answer)


def created_tasks(call: Call, answer: Answer) -> Sequence[LogisticsTask | TaskReference]:
    """The tasks in an answer to their creation, in its order: each whole or as its id, or left out if it has none."""
    whole = whole_or_none(_TASKS, call, answer)
    if whole is not None:
        known = [_task_or_reference(one) for one in _listed(whole)]
        return [one for one in known if one is not None]
    reference = decode(_ONE_REFERENCE, call, answer).tasks
    return [reference]


def page_of_tasks(call: Call, answer: Answer) -> ListPage[LogisticsTask]:
    """The page of the list of tasks that an answer is."""
    page = decode(_TASK_PAGE, call, answer)
    return ListPage(_listed(page), page_size(page.meta))


def updated_tasks(call: Call, answer: Answer) -> list[UpdatedTask] | None:
    """What an answer says of the tasks that were changed; those that were not are missing from it.

    Returns:
        None where the change was made and the answer does not say of which tasks, or not of all.
    """
    answered = whole_or_none(_UPDATED_TASKS, call, answer)
    if answered is None:
        return None
    tasks = answered.updated_tasks or []
    if any(isinstance(one, UnreadableRecord) and one.own_id is None for one in tasks):
        return None
    return [UpdatedTask(one.own_id or "") if isinstance(one, UnreadableRecord) else one for one in tasks]


def _task_or_reference(task: LogisticsTask) -> LogisticsTask | TaskReference | None:
    """A created task, or its id where the rest cannot be read; None where that cannot be read either."""
    if not isinstance(task, UnreadableRecord):
        return task
    return None if task.own_id is None else TaskReference(task.own_id)


def _listed(answer: _Tasks) -> list[LogisticsTask]:
    tasks = answer.tasks
    return [tasks] if isinstance(tasks, LogisticsTask) else tasks or []
