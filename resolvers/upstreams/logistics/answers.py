"""How the logistics API's answers are opened: refusals, messages, pages of lists, and the envelopes around records.

The vendor's documents show no refusal. An array may be null where it is empty, and one task may stand where an array
of tasks is expected, as the document of Create Draft Tasks shows it.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Generic, TypeVar, cast

import msgspec

from resolvers.errors import NotAllowedNow, UpstreamBadAnswer
from resolvers.upstreams.answers import decode, names_a_failure, require_success, whole_or_none
from resolvers.upstreams.call import Answer, Call
from resolvers.upstreams.error_body import ErrorBody, read_error_body
from resolvers.upstreams.fields import NonEmpty
from resolvers.upstreams.lenient import UnreadableRecord
from resolvers.upstreams.logistics.account_records import Organization, OrganizationReference, Role
from resolvers.upstreams.logistics.task_records import LogisticsTask, TaskReference, UpdatedTask


def require_logistics_success(call: Call, answer: Answer) -> None:
    """Pass a success, and raise what any other answer means.

    Raises:
        NotAllowedNow: the status of the task forbids the operation.
        UpstreamError: the kind that fits the HTTP status.
    """
    if answer.status in {409, 422}:
        error_body = read_error_body(answer.body)
        if _status_forbids(call.operation, answer.status, error_body):
            said = error_body.words or f"HTTP {answer.status}"
            raise NotAllowedNow(call.upstream, f"The task's status forbids {call.operation}: {said}")
    require_success(call, answer, read_error_body)


def _status_forbids(operation: str, http_status: int, error_body: ErrorBody) -> bool:
    """Whether a 409 or 422 is about the status of a task.

    This is a guess, since the vendor documents the rule (Cancel Task) and not its answer: a code that speaks of the
    status says it for every operation; of a cancel, whose only input is the reason, all that does not speak of that.
    """
    if error_body.code is not None and "status" in error_body.code.lower():
        return True
    return operation == "cancel_task" and (http_status == 409 or "reason" not in (error_body.message or "").lower())


Record = TypeVar("Record")


class ListPage(msgspec.Struct, Generic[Record], frozen=True):
    """One page of a list; lives in an answer or a cache.

    Args:
        records: In the upstream's order.
        per_page: The page size that the upstream used, which may be another than asked for; None where it does not say.
    """

    records: list[Record]
    per_page: int | None = None

    @property
    def total(self) -> None:
        """This API tells of no list how long it is."""


class _Meta(msgspec.Struct, frozen=True):
    per_page: Annotated[int, msgspec.Meta(ge=1)] | None = None


def page_size(meta: Any) -> int | None:  # noqa: ANN401 - the documents show an empty object and name no field
    """The page size in a list's `meta`; None where there is none to be found: no list is worse for that."""
    try:
        return msgspec.convert(meta, _Meta, strict=False).per_page
    except msgspec.ValidationError:
        return None


class _Message(msgspec.Struct, frozen=True):
    message: str
    code: str = "success"


_MESSAGE: Final = msgspec.json.Decoder(_Message)


def message(call: Call, answer: Answer) -> str | None:
    """The message of a change that has no record to be read; None where it was made without a word.

    Raises:
        UpstreamBadAnswer: it is an error under a status of success, or has a code other than `success`.
    """
    answered = whole_or_none(_MESSAGE, call, answer)
    if answered is not None and not _is_success(answered):
        raise _undone(call, answered)
    return None if answered is None else answered.message


def confirmation(call: Call, answer: Answer) -> str | None:
    """The message of a change that the vendor's own word says was made; None where another word says so, or none.

    Raises:
        UpstreamBadAnswer: it is an error under a status of success.
    """
    answered = whole_or_none(_MESSAGE, call, answer)
    if answered is None or _is_success(answered):
        return None if answered is None else answered.message
    if names_a_failure(answered.code):
        raise _undone(call, answered)
    return None


def _undone(call: Call, answered: _Message) -> UpstreamBadAnswer:
    return UpstreamBadAnswer(
        call.upstream,
        f"{call.upstream.name} answered {call.operation} as done, with the error {answered.code}: {answered.message}",
        outcome_unknown=not call.repeatable,
    )


def _is_success(answered: _Message) -> bool:
    return answered.code.strip().lower() == "success"


class _Tasks(msgspec.Struct, frozen=True):
    tasks: list[LogisticsTask] | LogisticsTask | None


class _CreatedReference(msgspec.Struct, frozen=True):
    tasks: TaskReference


class _TaskPage(_Tasks, frozen=True):
    meta: Any = None


class _UpdatedTasks(msgspec.Struct, frozen=True):
    updated_tasks: list[UpdatedTask] | None


# Not strict: a number that comes as text, or the other way round, is still read.
_TASK: Final = msgspec.json.Decoder(LogisticsTask, strict=False)
_TASKS: Final = msgspec.json.Decoder(_Tasks, strict=False)
_CREATED_REFERENCE: Final = msgspec.json.Decoder(_CreatedReference, strict=False)
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
    reference = decode(_CREATED_REFERENCE, call, answer).tasks
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


class _OrganizationFields(msgspec.Struct, frozen=True):
    id: NonEmpty
    business_name: str | None = None


class _RoleFields(msgspec.Struct, frozen=True):
    id: NonEmpty
    name: str | None = None


class _OneOrganization(msgspec.Struct, frozen=True):
    organization: _OrganizationFields


class _OneReference(msgspec.Struct, frozen=True):
    organization: OrganizationReference


class _OneObject(msgspec.Struct, frozen=True):
    organization: dict[str, Any]


class _Organizations(msgspec.Struct, frozen=True):
    organizations: list[_OrganizationFields] | None
    meta: Any = None


class _OrganizationObjects(msgspec.Struct, frozen=True):
    organizations: list[Any] | None


class _Roles(msgspec.Struct, frozen=True):
    roles: list[_RoleFields] | None


class _RoleObjects(msgspec.Struct, frozen=True):
    roles: list[Any] | None


_ONE_ORGANIZATION: Final = msgspec.json.Decoder(_OneOrganization)
_ONE_REFERENCE: Final = msgspec.json.Decoder(_OneReference)
_ONE_OBJECT: Final = msgspec.json.Decoder(_OneObject)
_ORGANIZATIONS: Final = msgspec.json.Decoder(_Organizations)
_ORGANIZATION_OBJECTS: Final = msgspec.json.Decoder(_OrganizationObjects)
_ROLES: Final = msgspec.json.Decoder(_Roles)
_ROLE_OBJECTS: Final = msgspec.json.Decoder(_RoleObjects)


def one_organization(call: Call, answer: Answer) -> Organization:
    """The organization that an answer holds."""
    return _with_attributes(decode(_ONE_ORGANIZATION, call, answer), call, answer)


def created_organization(call: Call, answer: Answer) -> Organization | OrganizationReference:
    """The organization that an answer to its creation holds, or its id where there is no more of it."""
    known = whole_or_none(_ONE_ORGANIZATION, call, answer)
    if known is None or known.organization.business_name is None:
        return decode(_ONE_REFERENCE, call, answer).organization
    return _with_attributes(known, call, answer)


def page_of_organizations(call: Call, answer: Answer) -> ListPage[Organization]:
    """The page of the list of organizations that an answer is."""
    page = decode(_ORGANIZATIONS, call, answer)
    objects = decode(_ORGANIZATION_OBJECTS, call, answer).organizations or ()
    known = page.organizations or ()
    records = [_organization(own, one) for own, one in zip(known, objects, strict=True)]
    return ListPage(records, page_size(page.meta))


def many_roles(call: Call, answer: Answer) -> list[Role]:
    """The roles in an answer, in its order."""
    known = decode(_ROLES, call, answer).roles or ()
    objects = decode(_ROLE_OBJECTS, call, answer).roles or ()
    roles = zip(known, objects, strict=True)
    # No list of roles may hold a null: one that cannot be read is left out.
    return [Role(own.id, own.name, one) for own, one in roles if not isinstance(own, UnreadableRecord)]


def _organization(known: _OrganizationFields, attributes: dict[str, Any]) -> Organization:
    """An organization; what could not be read stays what it is, for it stands in a list."""
    if isinstance(known, UnreadableRecord):
        return cast("Organization", known)
    return Organization(known.id, known.business_name, attributes)


def _with_attributes(known: _OneOrganization, call: Call, answer: Answer) -> Organization:
    own = known.organization
    return Organization(own.id, own.business_name, decode(_ONE_OBJECT, call, answer).organization)
