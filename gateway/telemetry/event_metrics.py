"""Metrics of status changes: webhooks, polls, queues, and the events that subscribers get."""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from gateway.subscriptions.event_counts import EventCounts
from gateway.telemetry.families import counters, gauges, histograms
from gateway.webhooks.endpoint import WebhookCounts
from resolvers.events.activity import EventsActivity


def activity_metrics(activity: EventsActivity) -> Iterable[Metric]:
    """Yield the metrics of what is followed, polled and queued."""
    followed = "Records that subscriptions of this process follow."
    yield GaugeMetricFamily("gateway_followed_records", followed, value=activity.followed)
    yield GaugeMetricFamily("gateway_polled_records", "Records that this process polls.", value=activity.polled)
    yield histograms("gateway_poll_lag_seconds", "How late polls began.", [], [([], activity.poll_lag)])
    queues = [([queue], length) for queue, length in activity.queues.items()]
    yield gauges("gateway_event_queue_length", "What waits in the queues of events.", ["queue"], queues)
    dropped = "Hints of webhooks dropped because their queue was full."
    yield CounterMetricFamily("gateway_hints_dropped", dropped, value=activity.dropped)


def webhook_metrics(counts: WebhookCounts) -> Iterable[Metric]:
    """Yield the metrics of the webhooks that came here."""
    received = [([kind], count) for kind, count in counts.received.items()]
    yield counters("gateway_webhooks", "Webhooks about records, by their kind.", ["kind"], received)
    last = [([kind], at) for kind, at in counts.last_at.items()]
    yield gauges(
        "gateway_last_webhook_timestamp_seconds",
        "When the last came, in seconds since 1970; 0 for none.",
        ["kind"],
        last,
    )


def sent_metrics(counts: EventCounts) -> Iterable[Metric]:
    """Yield the metrics of subscriptions and of the events that they got."""
    yield GaugeMetricFamily("gateway_open_subscriptions", "Subscriptions that run.", value=counts.open)
    sent = [
        # Prometheus takes an empty label for one that is not there.
        ([kind.name, "" if source is None else source.name], count)
        for (kind, source), count in counts.sent.items()
    ]
    yield counters("gateway_events_sent", "Events sent to subscribers.", ["kind", "source"], sent)
    delays = [([source.name], delay) for source, delay in counts.delays.items()]
    meaning = "From noticing a change until its event was handed to the transport."
    yield histograms("gateway_event_delay_seconds", meaning, ["source"], delays)
