"""Deliveries by their ids: several by one call if the upstream takes lists of ids, or else one by one.

Theory of operation
-------------------
The vendor's documents show `filter[id]` with one id, and do not mention several. So a list of ids is tried, and the
response shows how the upstream treats it::

    it refuses the list                     -> halves are tried; an id that makes every list refused is read singly
    it returns records that are not listed  -> it ignores lists: all ids are read singly from now on
    it returns two or more listed records   -> lists are proven: an id that is absent does not exist
    it returns one listed record, or none   -> undecided: absent ids are read singly, which decides it

`CommaLists` remembers for each account what was learnt. In every case, a batch costs at most `LISTS_TRIED` calls more
than it has ids.
"""

from collections.abc import Sequence
from math import ceil
from typing import Final

import msgspec

from resolvers.accounts import Account
from resolvers.errors import InputRefused
from resolvers.later import together
from resolvers.learned import CommaLists
from resolvers.unreadable import only_one_named, own_id_of, readable
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.deliveries.records import Delivery, DeliveryPage, ListMeta, PageMeta
from resolvers.upstreams.deliveries.requests import NO_FILTERS, DeliveryFilters

MAX_DELIVERY_BATCH: Final = 50
"""Ids in one `filter[id]`; the API's largest page is undocumented, and this is below the limits of similar APIs."""

LISTS_TRIED: Final = 3
"""Lists of one batch that may find nothing. Each delivery that is found permits another list, so that a batch costs at
most this many calls more than it has ids."""


def most_calls(count: int) -> int:
    """Return the number of calls that reading deliveries by their ids takes at most, for estimates.

    Args:
        count: The number of different ids that are read together.
    """
    return count if count < 2 else count + LISTS_TRIED * ceil(count / MAX_DELIVERY_BATCH)


async def read_delivery(account: Account, scope: CallScope, delivery_id: str) -> Delivery | None:
    """Return one delivery; None if it does not exist."""
    try:
        found = await account.deliveries.delivery(scope, delivery_id)
    except InputRefused:
        # The id was the reason why lists with it were refused, not that they are lists.
        account.comma_lists.refused_singly(delivery_id)
        raise
    if found is not None and account.comma_lists.doubted:
        account.comma_lists.found_singly(delivery_id)
    return found


async def read_together(
    account: Account, scope: CallScope, delivery_ids: Sequence[str], filters: DeliveryFilters = NO_FILTERS
) -> dict[str, Delivery | None]:
    """Read deliveries by lists of ids and return them by id, with None for those that do not exist.

    Ids that are missing in the result have to be read singly.

    Args:
        account: The account that reads.
        scope: The scope of the operation.
        delivery_ids: Two to `MAX_DELIVERY_BATCH` ids.
        filters: Further filters that the deliveries must pass.
    """
    lists = account.comma_lists
    if not lists.open:
        return {}
    if lists.size is not None and lists.size < len(delivery_ids):
        return await _read_parts(account, scope, delivery_ids, lists.size, filters)
    whole = await _read_list(account, scope, delivery_ids, filters)
    return await _read_halves(account, scope, delivery_ids, filters) if whole is None else whole


async def read_listed(account: Account, scope: CallScope, filters: DeliveryFilters) -> DeliveryPage:
    """Return the deliveries that pass filters with ids, as one page.

    They are in the upstream's order if one call returns them all, or else in that of their ids.

    Args:
        account: The account that reads.
        scope: The scope of the operation.
        filters: The filters, with `ids`.
    """
    # One order for all pages of the list; by number, as these ids are.
    ids = sorted(set(filters.ids or ()), key=int)
    others = msgspec.structs.replace(filters, ids=None)
    batches = [ids[start : start + MAX_DELIVERY_BATCH] for start in range(0, len(ids), MAX_DELIVERY_BATCH)]
    found_batches = await together(_listed_batch(account, scope, batch, others) for batch in batches)
    found = [delivery for batch in found_batches for delivery in batch]
    return DeliveryPage(tuple(found), ListMeta(PageMeta(total=len(found), per_page=max(1, len(found)))))


async def _listed_batch(
    account: Account, scope: CallScope, ids: Sequence[str], filters: DeliveryFilters
) -> list[Delivery]:
    listed = await read_together(account, scope, ids, filters) if len(ids) > 1 else {}
    rest = [own_id for own_id in ids if own_id not in listed]
    if not rest:
        return [delivery for delivery in listed.values() if delivery is not None]
    singly = await together(_listed(account, scope, own_id, filters) for own_id in rest)
    found = {**listed, **dict(zip(rest, singly, strict=True))}
    return [delivery for own_id in ids if (delivery := found[own_id]) is not None]


async def _listed(account: Account, scope: CallScope, own_id: str, filters: DeliveryFilters) -> Delivery | None:
    """Return one delivery if it passes the filters, by the documented list with one id."""
    page = await account.deliveries.deliveries_by_id(scope, [own_id], filters)
    found = only_one_named(page.records, own_id)
    if found is not None and account.comma_lists.doubted:
        account.comma_lists.found_singly(own_id)
    return found


async def _read_list(
    account: Account, scope: CallScope, ids: Sequence[str], filters: DeliveryFilters
) -> dict[str, Delivery | None] | None:
    """Read one list of ids, and note what it shows of the upstream; return None if the list is refused."""
    lists, wanted = account.comma_lists, set(ids)
    try:
        page = await account.deliveries.deliveries_by_id(scope, ids, filters)
    except InputRefused:
        return None
    named = [own_id_of(one) for one in page.records]
    by_id = {one.send_task_id: one for one in readable(page.records)}
    found: dict[str, Delivery | None] = {own_id: one for own_id, one in by_id.items() if own_id in wanted}
    total = len(page.records) if page.total is None else page.total
    if not wanted.issuperset(own_id for own_id in named if own_id is not None) or total > len(ids):
        # The filter is ignored, so an id that is absent may be on another page.
        lists.refuse()
        return found
    missing = wanted.difference(named)
    if len(set(named) - {None}) > 1:
        # One listed record would also be returned by an upstream that uses only the first or last id of a list.
        lists.prove()
    if total > len(named):
        _learn_size(lists, len(named))
    elif None in named:
        # A record without a readable id may be any of the missing ones, which are read singly.
        pass
    elif lists.proven or len(ids) == 1:
        found.update(dict.fromkeys(missing))
    else:
        lists.doubt(missing)
    return found


def _learn_size(lists: CommaLists, served: int) -> None:
    """Note that the upstream returns fewer records on a page than a list has ids."""
    if served > 1:
        lists.size = served
    else:
        # Lists of one id are as many calls as reads of single records.
        lists.refuse()


async def _read_parts(
    account: Account, scope: CallScope, ids: Sequence[str], size: int, filters: DeliveryFilters
) -> dict[str, Delivery | None]:
    """Read lists of `size` ids each, as long as `LISTS_TRIED` permits."""
    parts = [ids[start : start + size] for start in range(0, len(ids), size)]
    found: dict[str, Delivery | None] = {}
    sent, refused = 0, True
    while sent < len(parts) and account.comma_lists.open and (allowed := LISTS_TRIED + len(found) - sent) > 0:
        now = parts[sent : sent + allowed]
        sent += len(now)
        for part_found in await together(_read_list(account, scope, part, filters) for part in now):
            found.update(part_found or {})
            refused = refused and part_found is None
    if refused:
        account.comma_lists.refuse(ids)
    return found


async def _read_halves(
    account: Account, scope: CallScope, ids: Sequence[str], filters: DeliveryFilters
) -> dict[str, Delivery | None]:
    """Read the halves of a refused list, and of the refused half again, down to the id that makes it refused.

    That id is left to be read singly.
    """
    found: dict[str, Delivery | None] = {}
    accepted_several = False
    lists_read = 1
    while len(ids) > 2 and lists_read + 2 <= LISTS_TRIED + len(found):
        middle = len(ids) // 2
        halves = ids[:middle], ids[middle:]
        lists_read += len(halves)
        results = await together(_read_list(account, scope, half, filters) for half in halves)
        refused = [half for half, one in zip(halves, results, strict=True) if one is None]
        accepted_several = accepted_several or any(one is not None and len(one) > 1 for one in results)
        for one in results:
            found.update(one or {})
        if len(refused) != 1:
            # With none refused the search is over; with both, more than one id is at fault, or lists are.
            break
        (ids,) = refused
    if not accepted_several:
        # No list of several ids was accepted, so the upstream refuses lists, unless a single id is refused as well.
        account.comma_lists.refuse(ids)
    return found
