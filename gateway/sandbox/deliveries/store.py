"""The records of the simulated send-tasks API and the document's rules for writing them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import TypeVar

from gateway.sandbox.deliveries.jsonapi import refusal
from gateway.sandbox.deliveries.records import FINISHED, Course, DspUploadIdentification, Product, SendTask
from gateway.sandbox.generated_records import random_uuid

_SHARE_OF_ERRORS = 0.1

_Related = TypeVar("_Related")


@dataclass(frozen=True, kw_only=True, slots=True)
class NewSendTask:
    """The members of a POST body, checked for form."""

    deliverable: bool
    delivery_type: str
    product_id: str
    identification_id: str
    sent_on_behalf_of_name: str | None
    sent_on_behalf_of_dpid: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SendTaskChange:
    """The members of a PATCH body, checked for form; None keeps the current value."""

    deliverable: bool | None = None
    delivery_type: str | None = None
    status: str | None = None


class DeliveriesStore:
    """All records of the simulated send-tasks API; simulator lifetime.

    Args:
        random: Decides the courses and ids of deliveries.
    """

    def __init__(self, random: Random) -> None:
        self.random = random
        self.send_tasks: dict[str, SendTask] = {}
        self.products: dict[str, Product] = {}
        self.identifications: dict[str, DspUploadIdentification] = {}
        self._last_number = 0

    def add(
        self,
        *,
        created_at: datetime,
        deliverable: bool,
        delivery_type: str,
        product_id: int,
        identification_id: int,
        course: Course | None,
    ) -> SendTask:
        """Add a send-task under the next number, without checking the rules."""
        self._last_number += 1
        task = SendTask(
            task_id=self._last_number,
            delivery_type=delivery_type,
            deliverable=deliverable,
            product_id=product_id,
            identification_id=identification_id,
            sent_on_token=self.uuid(),
            created_at=created_at,
            touched_at=created_at,
            course=course,
        )
        self.insert(task)
        return task

    def insert(self, task: SendTask) -> None:
        """Add an existing send-task; its number must be outside the numbers that `add` assigns."""
        self.send_tasks[str(task.task_id)] = task

    def remove(self, task_id: str) -> None:
        """Remove a send-task."""
        del self.send_tasks[task_id]

    def create(self, new: NewSendTask, now: datetime) -> SendTask:
        """Create a send-task for a client.

        Args:
            new: The members of the request.
            now: The current time.

        Returns:
            The send-task: waiting if deliverable, else pending.

        Raises:
            RefusalError: 404 for an unknown product or channel, 422 if a rule of the document is broken.
        """
        product = _related(self.products, new.product_id, "product")
        identification = _related(self.identifications, new.identification_id, "dsp-upload-identification")
        if product.status != "active" and new.delivery_type != "delete":
            # The document has the two rules of this method, but not the answer to a request that breaks one.
            raise refusal(422, "The product must be active.", pointer="/data/relationships/product")
        self._refuse_second(product.product_id, identification.identification_id, new.delivery_type, now)
        task = self.add(
            created_at=now,
            deliverable=new.deliverable,
            delivery_type=new.delivery_type,
            product_id=product.product_id,
            identification_id=identification.identification_id,
            course=self.course(now) if new.deliverable else None,
        )
        task.sent_on_behalf_of_name = new.sent_on_behalf_of_name
        task.sent_on_behalf_of_dpid = new.sent_on_behalf_of_dpid
        return task

    def update(self, task: SendTask, change: SendTaskChange, now: datetime) -> None:
        """Change a send-task for a client; `deliverable` starts or holds a pending one.

        Args:
            task: The send-task.
            change: The members to change.
            now: The current time.

        Raises:
            RefusalError: 422 if a completed task would get another status, or a second one would be in progress.
        """
        status = task.status_at(now)
        # Completed is terminal in the document, which names no forbidden changes otherwise; so all others are allowed.
        if status == "completed" and change.status not in (None, status):
            raise refusal(422, "A completed send task keeps its status.", pointer="/data/attributes/status")
        delivery_type = change.delivery_type or task.delivery_type
        if (change.status or status) not in FINISHED:
            self._refuse_second(task.product_id, task.identification_id, delivery_type, now, besides=task)
        task.delivery_type = delivery_type
        if change.deliverable is not None:
            self._set_deliverable(task, deliverable=change.deliverable, now=now)
        if change.status is not None and change.status != status:
            self._set_status(task, change.status, now)
        task.touched_at = now

    def course(self, starts_at: datetime) -> Course:
        """Draw the course of a delivery."""
        return draw_course(self.random, starts_at)

    def uuid(self) -> str:
        """Draw the next UUID."""
        return random_uuid(self.random)

    def in_progress(
        self, product_id: int, identification_id: int, delivery_type: str, now: datetime
    ) -> Iterable[SendTask]:
        """Return the tasks of a product, channel and type that are neither completed nor in error."""
        wanted = (product_id, identification_id, delivery_type)
        return (
            task
            for task in self.send_tasks.values()
            if (task.product_id, task.identification_id, task.delivery_type) == wanted
            and task.status_at(now) not in FINISHED
        )

    def _set_deliverable(self, task: SendTask, *, deliverable: bool, now: datetime) -> None:
        task.deliverable = deliverable
        if task.status_at(now) == "pending":
            # A status that a client has set would hide the new course.
            task.course = self.course(now) if deliverable else None
            task.status_set = None

    def _set_status(self, task: SendTask, status: str, now: datetime) -> None:
        if status == "waiting":
            # Sent again: with the word alone it would wait forever, as no course follows it.
            task.course, task.status_set = self.course(now), None
        else:
            task.status_set = status

    def _refuse_second(
        self,
        product_id: int,
        identification_id: int,
        delivery_type: str,
        now: datetime,
        *,
        besides: SendTask | None = None,
    ) -> None:
        running = self.in_progress(product_id, identification_id, delivery_type, now)
        if any(task is not besides for task in running):
            raise refusal(
                422,
                "A send task for this product, DSP and delivery type is still in progress.",
                pointer="/data/relationships/dsp-upload-identification",
            )


def draw_course(random: Random, starts_at: datetime, *, slowness: float = 1.0) -> Course:
    """Draw the course of a delivery: two to six minutes, as in the document's samples.

    Args:
        random: The source of the values.
        starts_at: When the delivery starts.
        slowness: Factor on its duration.
    """
    procesing_after = random.uniform(45, 150)
    return Course(
        starts_at=starts_at,
        sent_after=random.uniform(1, 2),
        procesing_after=slowness * procesing_after,
        finished_after=slowness * (procesing_after + random.uniform(60, 210)),
        outcome="error" if random.random() < _SHARE_OF_ERRORS else "completed",
        batch_id=random_uuid(random),
        # 21 digits, as in the document's samples.
        message_id=f"PADPIDA{random.randrange(10**20, 10**21)}",
    )


def _related(records: dict[str, _Related], record_id: str, name: str) -> _Related:
    found = records.get(record_id)
    if found is None:
        raise refusal(404, "The related resource does not exist.", pointer=f"/data/relationships/{name}")
    return found
