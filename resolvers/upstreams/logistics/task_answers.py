"""How the answers about tasks are opened: the envelopes around them, and what is tolerated there.

An array may be null where it is empty. One task may stand where an array is expected, as the document of Create Draft
Tasks shows it.
"""

from typing import Any, Final

import msgspec

from resolvers.upstreams.answers import decode
from resolvers.upstreams.call import Answer, Call
from resolvers.upstreams.logistics.list_page import ListPage, page_size
from resolvers.upstreams.logistics.task_records import LogisticsTask, UpdatedTask


class _Tasks(msgspec.Struct, frozen=True):
    tasks: list[LogisticsTask] | LogisticsTask | None


class _TaskPage(_Tasks, frozen=True):
    meta: Any = None


class _UpdatedTasks(msgspec.Struct, frozen=True):
    updated_tasks: list[UpdatedTask] | None


# Not strict: a number that comes as text, or the other way round, is still read.
_TASK: Final = msgspec.json.Decoder(LogisticsTask, strict=False)
_TASKS: Final = msgspec.json.Decoder(_Tasks, strict=False)
_TASK_PAGE: Final = msgspec.json.Decoder(_TaskPage, strict=False)
_UPDATED_TASKS: Final = msgspec.json.Decoder(_UpdatedTasks, strict=False)


def one_task(call: Call, answer: Answer) -> LogisticsTask:
    """The task that an answer is."""
    return decode(_TASK, call, answer)


def many_tasks(call: Call, answer: Answer) -> list[LogisticsTask]:
    """The tasks in an answer, in its order."""
    return _listed(decode(_TASKS, call, answer))


def page_of_tasks(call: Call, answer: Answer) -> ListPage[LogisticsTask]:
    """The page of the list of tasks that an answer is."""
    page = decode(_TASK_PAGE, call, answer)
    return ListPage(_listed(page), page_size(page.meta))


def updated_tasks(call: Call, answer: Answer) -> list[UpdatedTask]:
    """What an answer says of the tasks that were changed; those that were not are missing from it."""
    return decode(_UPDATED_TASKS, call, answer).updated_tasks or []


def _listed(answer: _Tasks) -> list[LogisticsTask]:
    tasks = answer.tasks
    return [tasks] if isinstance(tasks, LogisticsTask) else tasks or []
