"""The status page as HTML: the whole page for a browser, and its sections for the script that keeps it live.

Every section is rendered here alone, so that the page reads the same without a script. All text passes `escape`.
"""

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from gateway.status.document import Address, CallerStatus, SlowOperationStatus, Status, Upstream, WorkerStatus
from gateway.status.elements import (
    NOTHING,
    Column,
    badge,
    counts,
    duration,
    milliseconds,
    number,
    percent,
    size,
    table,
    tiles,
)

SHOWN_HASH: Final = 12
"""Characters of a document's hash on the page, enough to find it in the log; the JSON has all."""

SHOWN_OPERATIONS: Final = 15


class Section(NamedTuple):
    """A section of the page: its id, heading and content."""

    name: str
    title: str
    content: str


class LivePage(msgspec.Struct, frozen=True):
    """What the page's script needs to show a newer status: one event; a value.

    Args:
        title: The document's title.
        states: The state of each upstream, of Redis and of each worker, whose changes are read out.
        sections: The content of each section, by its id.
    """

    title: str
    states: dict[str, str]
    sections: dict[str, str]


@cache
def asset(name: str) -> bytes:
    """Return the page's script or stylesheet."""
    return (Path(__file__).parent / name).read_bytes()


@cache
def _asset_url(name: str) -> str:
    # The hash changes with the content, so that browsers may keep the file.
    return f"/status/{name}?v={sha256(asset(name)).hexdigest()[:SHOWN_HASH]}"


def live_page(status: Status) -> LivePage:
    """Return what the script replaces."""
    # One that is not configured has no state to change.
    states = {upstream.name: upstream.state for upstream in status.upstreams if upstream.addresses}
    states |= {f"Worker {worker.number}": worker.state for worker in status.workers}
    if status.redis.state != "none":
        states["Redis"] = status.redis.state
    sections = {section.name: section.content for section in _sections(status)}
    return LivePage(_title(status), states, {"overall": _overall(status), **sections})


def html_page(status: Status) -> bytes:
    """Return the whole page."""
    live = live_page(status)
    sections = "".join(
        f'<section aria-labelledby="{name}-title"><h2 id="{name}-title">{title}</h2>'
        f'<div id="{name}">{content}</div></section>'
        for name, title, content in _sections(status)
    )
    # In an attribute, because the policy of the page allows no inline script.
    states = escape(msgspec.json.encode(live.states).decode(), quote=True)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{escape(live.title)}</title>"
        f'<link rel="stylesheet" href="{_asset_url("page.css")}">'
        f'<script type="module" src="{_asset_url("page.js")}"></script></head>'
        f'<body data-states="{states}"><header><h1>Gateway status</h1>'
        # The script shows the button; without it there is nothing to pause.
        f'<p class="clock"><span id="live">State of</span> <time id="at">{escape(status.at)}</time> '
        '<button type="button" id="pause" hidden>Pause</button></p>'
        "<noscript><p>This page follows the gateway by a script. Without it, reload the page.</p></noscript></header>"
        f'<main><div id="overall">{live.sections["overall"]}</div>'
        '<section id="changes" aria-labelledby="changes-title">'
        '<h2 id="changes-title" hidden>Changes since this page was opened (UTC)</h2>'
        # Polite: screen readers finish what they read first.
        f'<ol id="log" aria-live="polite"></ol></section>{sections}</main>'
        "<footer><p>Figures are of the last minute, over all workers. For scripts: "
        "<code>curl -u operator:KEY …/status</code></p></footer></body></html>"
    ).encode()


def _title(status: Status) -> str:
    return f"{status.problems[0].message if status.problems else 'All up'} · Gateway status"


def _overall(status: Status) -> str:
    badges = [badge(one.state, one.message) for one in status.problems] or [badge("up", "Everything is up")]
    lines = "".join(f"<p>{one}</p>" for one in badges)
    return f'<div class="overall {status.state}">{lines}</div>'


def _sections(status: Status) -> list[Section]:
    return [
        Section("upstreams", "Upstreams", _upstreams(status.upstreams)),
        Section("figures", "At a glance", _figures(status)),
        Section("addresses", "Addresses", _addresses(status.upstreams)),
        Section("slow", "Slow and failed operations", _slow(status)),
        Section("callers", "Callers", _callers(status.callers)),
        Section("caches", "Caches and Redis", _caches(status)),
        Section("workers", "Workers", _workers(status.workers)),
    ]


def _figures(status: Status) -> str:
    operations, subscriptions = status.operations, status.subscriptions
    addresses = [address for upstream in status.upstreams for address in upstream.addresses]
    troubled = sum(count for outcome, count in operations.outcomes.items() if outcome != "whole")
    return tiles(
        {
            "operations a minute": number(operations.durations.per_minute),
            "with errors, or refused": number(troubled),
            "median": milliseconds(operations.durations.p50_ms),
            "95th percentile": milliseconds(operations.durations.p95_ms),
            "operations in flight": number(operations.in_flight),
            "calls in flight": number(sum(address.in_flight for address in addresses)),
            "calls in queue": number(sum(address.queued for address in addresses)),
            "calls waiting for pace": number(sum(address.paced for address in addresses)),
            "open subscribers": number(subscriptions.open_connections),
            "records followed": number(subscriptions.followed_records),
            "records polled": number(subscriptions.polled_records),
            "polling leases": number(subscriptions.polling_leases),
        }
    )


def _upstreams(upstreams: Sequence[Upstream]) -> str:
    columns = [
        *(Column("Upstream", False), Column("State", False), Column("Calls a minute"), Column("Median")),
        *(Column("95th percentile"), Column("Failures"), Column("Outcomes a minute", False)),
    ]
    rows = [
        [
            escape(one.name),
            badge(one.state, one.state),
            number(one.calls.per_minute),
            milliseconds(one.calls.p50_ms),
            milliseconds(one.calls.p95_ms),
            percent(one.failure_ratio),
            counts(one.outcomes),
        ]
        for one in upstreams
    ]
    return table(columns, rows, "No upstream is configured.")


def _addresses(upstreams: Sequence[Upstream]) -> str:
    columns = [
        *(Column("Address", False), Column("State", False), Column("Last failure", False), Column("Limit", False)),
        *(Column("In flight"), Column("In queue"), Column("Pacing"), Column("Connections")),
    ]
    rows = [
        [
            f"{escape(upstream.name)} <span>{escape(one.address)}</span>",
            f"{badge(one.state, one.state)}{_breaker(one)}",
            _last_error(one),
            _limit(one),
            number(one.in_flight),
            number(one.queued),
            number(one.paced),
            number(one.connections),
        ]
        for upstream in upstreams
        for one in upstream.addresses
    ]
    return table(columns, rows, "No upstream is configured.")


def _breaker(one: Address) -> str:
    if one.breaker is None:
        return ""
    opened = f"breaker open for {duration(one.breaker.open_seconds)}"
    # A breaker that nothing calls stays open: its next call is the probe.
    probe = one.breaker.probe_in_seconds
    return f" <span>{opened}, {f'probe in {duration(probe)}' if probe else 'the next call probes'}</span>"


def _last_error(one: Address) -> str:
    if one.last_error is None:
        return NOTHING
    return f"<code>{escape(one.last_error.code)}</code> <span>{duration(one.last_error.seconds_ago)} ago</span>"


def _limit(one: Address) -> str:
    limit = one.rate_limit
    if limit is None:
        return NOTHING
    rate = "" if limit.per_second is None else f"{number(limit.per_second)} a second"
    learnt = " (learnt)" if limit.learnt and rate else ""
    closed = "" if limit.closed_seconds is None else f" <span>closed for {duration(limit.closed_seconds)}</span>"
    return f"{rate}{learnt}{closed}"


def _slow(status: Status) -> str:
    columns = [
        *(Column("Operation", False), Column("Caller", False), Column("Outcome", False), Column("Times")),
        *(Column("Longest"), Column("Calls", False), Column("Last (UTC)", False)),
    ]
    shown = status.slow_operations[:SHOWN_OPERATIONS]
    return table(columns, [_slow_row(one) for one in shown], "No operation was slow or failed.")


def _slow_row(one: SlowOperationStatus) -> list[str]:
    document = f" <code>{escape(one.document[:SHOWN_HASH])}</code>" if one.document else ""
    codes = " ".join(f"<code>{escape(code)}</code>" for code in one.codes)
    return [
        f"{escape(one.operation or 'unnamed')}{document}",
        escape(one.caller),
        f"{escape('slow' if one.outcome == 'success' else one.outcome)} {codes}",
        number(one.count),
        milliseconds(one.max_ms),
        counts(one.calls),
        escape(one.last_at[11:19]),
    ]


def _callers(callers: Sequence[CallerStatus]) -> str:
    columns = [
        *(Column("Caller", False), Column("Operations a minute"), Column("Median"), Column("95th percentile")),
        Column("Calls left"),
    ]
    rows = [
        [
            escape(one.name),
            number(one.operations.per_minute),
            milliseconds(one.operations.p50_ms),
            milliseconds(one.operations.p95_ms),
            NOTHING if one.budget_left is None else f"{number(one.budget_left)} of {number(one.budget or 0)}",
        ]
        for one in callers
    ]
    return table(columns, rows, "Nobody asked in the last minute.")


def _caches(status: Status) -> str:
    cache, redis = status.cache, status.redis
    words = {"none": "not configured", "partly": "away for some workers"}
    figures = tiles(
        {
            "hits": percent(cache.hit_ratio),
            "records kept": f"{number(cache.entries)} in {size(cache.bytes)}",
            "responses kept": f"{number(cache.responses)} in {size(cache.response_bytes)}",
            "Redis": badge(redis.state, words.get(redis.state, redis.state)),
            "Redis failures a minute": number(redis.failures_per_minute),
        }
    )
    columns = [Column("Kind", False), Column("Records"), Column("Reads a minute"), Column("Hits")]
    rows = [
        [escape(one.name), number(one.entries), number(one.reads_per_minute), percent(one.hit_ratio)]
        for one in cache.kinds
    ]
    return figures + table(columns, rows, "The cache is empty.")


def _workers(workers: Sequence[WorkerStatus]) -> str:
    columns = [
        *(Column("Worker", False), Column("State", False), Column("Version", False), Column("Process"), Column("Up")),
        *(Column("Settings read"), Column("Memory"), Column("CPU"), Column("Event loop lag"), Column("In flight")),
    ]
    return table(columns, [_worker_row(one) for one in workers], "No worker answers.")


def _worker_row(one: WorkerStatus) -> list[str]:
    return [
        str(one.number),
        badge(one.state, one.state),
        escape(one.version or NOTHING),
        NOTHING if one.pid is None else str(one.pid),
        NOTHING if one.uptime_seconds is None else duration(one.uptime_seconds),
        NOTHING if one.config_age_seconds is None else f"{duration(one.config_age_seconds)} ago",
        NOTHING if one.memory_bytes is None else size(one.memory_bytes),
        NOTHING if one.cpu_percent is None else f"{one.cpu_percent:.0f} %",
        milliseconds(one.loop_lag_p95_ms),
        NOTHING if one.operations_in_flight is None else number(one.operations_in_flight),
    ]
