"""What operations have to pass before they run, over whichever transport they come."""

from dataclasses import dataclass, field

from graphql import GraphQLSchema, OperationDefinitionNode
from redis.asyncio import Redis

from gateway.auth.callers import Caller
from gateway.operations.cost.budget import Buckets, BudgetedOperations, Budgets, LocalBuckets, RedisBuckets
from gateway.operations.cost.declared import require_declared_costs
from gateway.operations.cost.estimates import CostConfig, Costs
from gateway.operations.cost.sms_quotas import SmsQuotas
from gateway.operations.documents.documents import Document, Documents
from gateway.operations.documents.limits import DocumentLimits
from gateway.operations.documents.persisted import (
    AutomaticDocuments,
    LocalDocuments,
    Persisted,
    SharedDocuments,
    TrustedDocuments,
    read_manifest,
)
from gateway.operations.documents.persisted_operations import PersistedOperations, with_document
from gateway.operations.documents.request_limits import RequestCounts, RequestLimits
from gateway.operations.mutations import RunningMutations, UninterruptedMutations
from gateway.operations.request import GraphQLRequest, Operations
from gateway.operations.spent_counts import SpentCounts
from gateway.settings.model import Settings
from resolvers.events.start import Start
from resolvers.upstreams.transport.stack import loop_clock


@dataclass(frozen=True, slots=True)
class OperationStack:
    """Which operations run; process lifetime.

    Args:
        documents: Reads and validates them.
        limits: How large a request may be.
        persisted: Finds the documents that requests name.
        costs: Estimates them.
        budgets: Charges callers for them; None where callers have none.
        mutations: Those under way.
    """

    documents: Documents
    limits: RequestLimits
    persisted: Persisted
    costs: Costs
    budgets: Budgets | None
    mutations: RunningMutations = field(default_factory=RunningMutations)

    def around(self, operations: Operations[Caller]) -> Operations[Caller]:
        """The same operations for those requests alone that are admitted; their cost is the runner's to check."""
        if self.budgets is not None:
            operations = BudgetedOperations(operations, self.documents, self.costs, self.budgets)
        operations = UninterruptedMutations(operations, self.documents, self.mutations)
        return PersistedOperations(operations, self.persisted, self.limits)

    async def with_document(self, request: GraphQLRequest) -> GraphQLRequest:
        """The request with its document in `query`.

        Raises:
            RequestTooLarge: it is larger than requests may be.
            BadInput: it names its document wrongly.
            PersistedQueryNotFound: the document is not known.
            Forbidden: it is not one of those that are accepted.
        """
        self.limits.check(request)
        return await with_document(self.persisted, request)

    async def admit_subscription(
        self, document: Document, operation: OperationDefinitionNode, request: GraphQLRequest, caller: Caller
    ) -> Start | None:
        """Let a subscription begin, and charge its caller for the start: what its events cost later is the gateway's.

        Returns:
            What the start has to be told of, so that what it did not use is given back; None where callers have no
            budgets.

        Raises:
            OperationTooExpensive: its estimate is above the limit.
            BudgetSpent: the caller has used up its budget.
        """
        estimate = self.costs.check(document, operation, request.variables)
        if self.budgets is None:
            return None
        return Start((await self.budgets.charge(caller.name, estimate)).settle)


def build_admission(
    settings: Settings,
    schema: GraphQLSchema,
    redis: Redis | None,
    counts: RequestCounts,
    spent: SpentCounts | None = None,
) -> OperationStack:
    """What the settings say about which operations run.

    Args:
        settings: What the operator set.
        schema: What operations are validated against; refused where the cost of a field is not declared.
        redis: Where budgets and persisted documents are shared with other processes, if anywhere.
        counts: Where requests are counted that are too large.
        spent: Where refusals for spent budgets are counted.

    Raises:
        UndeclaredCost: a field of the schema has none.
        ManifestProblem: the file of trusted documents is no manifest any more; it was one when the settings were read.
    """
    require_declared_costs(schema)
    limits = settings.limits
    documents = Documents(
        schema,
        DocumentLimits(limits.depth, limits.tokens, limits.aliases, limits.directives),
        # What is in the manifest was put there on purpose, introspection included.
        introspection=settings.introspection,
        suggestions=settings.answers_introspection,
    )
    sizes = RequestLimits(limits.document_bytes, limits.variable_values, counts)
    budgets = _budgets(settings, redis, spent)
    return OperationStack(documents, sizes, _persisted(settings, redis), _costs(settings, counts), budgets)


def _persisted(settings: Settings, redis: Redis | None) -> Persisted:
    if settings.trusted_documents is not None:
        return TrustedDocuments(read_manifest(settings.trusted_documents))
    return AutomaticDocuments(SharedDocuments(redis, settings.redis_prefix) if redis else LocalDocuments())


def _costs(settings: Settings, counts: RequestCounts) -> Costs:
    services = [settings.sms, *(account.sms for account in settings.accounts.values())]
    centres = max((len(one.urls) for one in services if one is not None), default=1)
    return Costs(CostConfig(settings.limits.cost, settings.limits.nodes, centres), counts=counts)


def build_sms_quotas(
    settings: Settings, redis: Redis | None, counts: RequestCounts, spent: SpentCounts
) -> SmsQuotas | None:
    """How many SMS callers may have sent, if the settings say so; the arguments are those of `build_admission`."""
    auth = settings.auth
    if auth.sms_per_minute is None and auth.sms_per_day is None:
        return None
    return SmsQuotas(_buckets(settings, redis), auth.sms_per_minute, auth.sms_per_day, counts, spent)


def _buckets(settings: Settings, redis: Redis | None) -> Buckets:
    return RedisBuckets(redis, settings.redis_prefix, loop_clock) if redis else LocalBuckets(loop_clock)


def _budgets(settings: Settings, redis: Redis | None, spent: SpentCounts | None) -> Budgets | None:
    calls = settings.auth.calls_per_minute
    if calls is None:
        return None
    return Budgets(_buckets(settings, redis), calls, spent)
