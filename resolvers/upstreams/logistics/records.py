"""Every record of the logistics API under one name; the modules named below hold them, one for each noun."""

from resolvers.upstreams.logistics.account_records import Organization, Partner, Role
from resolvers.upstreams.logistics.money import Money
from resolvers.upstreams.logistics.stop_records import Address, Contact, PriceQuote, TaskStop, TimeWindow
from resolvers.upstreams.logistics.task_records import Driver, LogisticsTask, TaskItem, TaskStatusEntry, UpdatedTask
from resolvers.upstreams.logistics.tokens_client import SsoTokens, TokenPair

__all__ = [
    "Address",
    "Contact",
    "Driver",
    "LogisticsTask",
    "Money",
    "Organization",
    "Partner",
    "PriceQuote",
    "Role",
    "SsoTokens",
    "TaskItem",
    "TaskStatusEntry",
    "TaskStop",
    "TimeWindow",
    "TokenPair",
    "UpdatedTask",
]
