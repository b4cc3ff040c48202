"""Deliveries by their ids: many by one call where the upstream takes lists of ids, else one by one.

Theory of operation
-------------------
The documents show `filter[id]` with one id, and say nothing of several. So a list of ids is tried, and what it answers
is believed only as far as it proves itself::

    the list is refused                      -> halves are tried; an id that spoils every list is read singly
    it names records that were not asked for -> lists are ignored by this upstream: all are read singly from now on
    it names two or more that were           -> lists are proven: an id that is absent does not exist
    it names one or none                     -> doubtful: what is absent is read singly, and settles it

`CommaLists` remembers per account what was learnt. However it turns out, a batch costs no more calls than its ids and
`LISTS_TRIED`.
"""

from collections.abc import Sequence
from math import ceil
from typing import Final

import msgspec

from resolvers.accounts import Account
from resolvers.comma_lists import CommaLists
from resolvers.errors import InputRefused
from resolvers.later import together
from resolvers.unreadable import only_one_named, own_id_of, readable
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.deliveries.records import Delivery, DeliveryPage, ListMeta, PageMeta
from resolvers.upstreams.deliveries.requests import NO_FILTERS, DeliveryFilters

MAX_DELIVERY_BATCH: Final = 50
"""Ids in one `filter[id]`: the API's largest page is undocumented, and this is below every cap seen elsewhere."""

LISTS_TRIED: Final = 3
"""Lists of a batch's ids that may tell of none: as many as tell of one may follow, so that no batch costs more calls
than its ids and these."""


def most_calls(count: int) -> int:
    """How many calls deliveries take by their ids at most, however the upstream treats lists of ids.

    Args:
        count: Of different ids that are asked for together.
    """
    return count if count < 2 else count + LISTS_TRIED * ceil(count / MAX_DELIVERY_BATCH)


async def read_delivery(account: Account, scope: CallScope, delivery_id: str) -> Delivery | None:
    """One delivery; None where there is none."""
    try:
        found = await account.deliveries.delivery(scope, delivery_id)
    except InputRefused:
        account.comma_lists.refused_singly(delivery_id)
        raise
    if found is not None and account.comma_lists.doubted:
        account.comma_lists.found_singly(delivery_id)
    return found


async def read_together(
    account: Account, scope: CallScope, delivery_ids: Sequence[str], filters: DeliveryFilters = NO_FILTERS
) -> dict[str, Delivery | None]:
    """What lists of ids tell: deliveries, and None for what is not there; an id that is absent has to be asked singly.

    Args:
        account: Asks.
        scope: The operation that asks.
        delivery_ids: At least two, at most a batch.
        filters: What else must hold.
    """
    lists = account.comma_lists
    if not lists.open:
        return {}
    if lists.size is not None and lists.size < len(delivery_ids):
        return await _told_by_parts(account, scope, delivery_ids, lists.size, filters)
    whole = await _told(account, scope, delivery_ids, filters)
    return await _told_by_halves(account, scope, delivery_ids, filters) if whole is None else whole


async def read_listed(account: Account, scope: CallScope, filters: DeliveryFilters) -> DeliveryPage:
    """All deliveries with some ids that pass the other filters too, as one page.

    They stand in the upstream's order where one call tells all, else in that of their ids.

    Args:
        account: Asks.
        scope: The operation that asks.
        filters: With ids.
    """
    ids = sorted(set(filters.ids or ()), key=int)
    others = msgspec.structs.replace(filters, ids=None)
    batches = [ids[start : start + MAX_DELIVERY_BATCH] for start in range(0, len(ids), MAX_DELIVERY_BATCH)]
    told = await together(_listed_batch(account, scope, batch, others) for batch in batches)
    found = [delivery for batch in told for delivery in batch]
    return DeliveryPage(tuple(found), ListMeta(PageMeta(total=len(found), per_page=max(1, len(found)))))


async def _listed_batch(
    account: Account, scope: CallScope, ids: Sequence[str], filters: DeliveryFilters
) -> list[Delivery]:
    told = await read_together(account, scope, ids, filters) if len(ids) > 1 else {}
    rest = [own_id for own_id in ids if own_id not in told]
    if not rest:
        return [delivery for delivery in told.values() if delivery is not None]
    singly = await together(_listed(account, scope, own_id, filters) for own_id in rest)
    found = {**told, **dict(zip(rest, singly, strict=True))}
    return [delivery for own_id in ids if (delivery := found[own_id]) is not None]


async def _listed(account: Account, scope: CallScope, own_id: str, filters: DeliveryFilters) -> Delivery | None:
    """One delivery where it passes the filters, or what stands for it: the list with one id is documented."""
    page = await account.deliveries.deliveries_by_id(scope, [own_id], filters)
    found = only_one_named(page.records, own_id)
    if found is not None and account.comma_lists.doubted:
        account.comma_lists.found_singly(own_id)
    return found


async def _told(
    account: Account, scope: CallScope, ids: Sequence[str], filters: DeliveryFilters
) -> dict[str, Delivery | None] | None:
    """What one list of ids tells; None where it is refused."""
    lists, wanted = account.comma_lists, set(ids)
    try:
        page = await account.deliveries.deliveries_by_id(scope, ids, filters)
    except InputRefused:
        return None
    named = [own_id_of(one) for one in page.records]
    told = {one.send_task_id: one for one in readable(page.records)}
    found: dict[str, Delivery | None] = {own_id: one for own_id, one in told.items() if own_id in wanted}
    total = len(page.records) if page.total is None else page.total
    if not wanted.issuperset(own_id for own_id in named if own_id is not None) or total > len(ids):
        lists.refuse()
        return found
    missing = wanted.difference(named)
    if len(set(named) - {None}) > 1:
        lists.prove()
    if total > len(named):
        _learn_size(lists, len(named))
    elif None in named:
        # One of the missing is here and cannot be read: they are asked for singly.
        pass
    elif lists.proven or len(ids) == 1:
        found.update(dict.fromkeys(missing))
    else:
        lists.doubt(missing)
    return found


def _learn_size(lists: CommaLists, served: int) -> None:
    """Take note of a page that holds fewer than it has ids for; one by one they are as cheap without lists."""
    if served > 1:
        lists.size = served
    else:
        lists.refuse()


async def _told_by_parts(
    account: Account, scope: CallScope, ids: Sequence[str], size: int, filters: DeliveryFilters
) -> dict[str, Delivery | None]:
    """What lists of no more ids than the upstream serves on a page tell, as long as they tell of enough of them."""
    parts = [ids[start : start + size] for start in range(0, len(ids), size)]
    found: dict[str, Delivery | None] = {}
    asked, refused = 0, True
    while asked < len(parts) and account.comma_lists.open and (allowed := LISTS_TRIED + len(found) - asked) > 0:
        now = parts[asked : asked + allowed]
        asked += len(now)
        for told in await together(_told(account, scope, part, filters) for part in now):
            found.update(told or {})
            refused = refused and told is None
    if refused:
        account.comma_lists.refuse(ids)
    return found


async def _told_by_halves(
    account: Account, scope: CallScope, ids: Sequence[str], filters: DeliveryFilters
) -> dict[str, Delivery | None]:
    """What is told of a refused list without the id that spoils it, which is left to be asked for singly.

    Where no list of several is taken, it is lists that the upstream refuses and no id, unless one is refused singly.
    """
    found: dict[str, Delivery | None] = {}
    taken_several = False
    asked = 1
    while len(ids) > 2 and asked + 2 <= LISTS_TRIED + len(found):
        middle = len(ids) // 2
        halves = ids[:middle], ids[middle:]
        asked += len(halves)
        told = await together(_told(account, scope, half, filters) for half in halves)
        refused = [half for half, one in zip(halves, told, strict=True) if one is None]
        taken_several = taken_several or any(one is not None and len(one) > 1 for one in told)
        for one in told:
            found.update(one or {})
        if len(refused) != 1:
            break
        (ids,) = refused
    if not taken_several:
        account.comma_lists.refuse(ids)
    return found
