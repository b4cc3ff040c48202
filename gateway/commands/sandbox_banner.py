"""What the sandbox prints: where to go, and operations to try."""

import shlex
from collections.abc import Mapping
from typing import Final

import orjson

OPERATIONS: Final[Mapping[str, str]] = {
    "Everything at once, from all three upstreams": (
        "{ deliveries(first: 3) { totalCount nodes { sendTaskId status product { name } } }"
        " smsJobs(first: 3) { nodes { jobId progress recipientCount } }"
        " logisticsTasks(first: 3) { nodes { taskId status pickup { address { streetAddress } } } } }"
    ),
    "What a delivery by motorcycle would cost": (
        "{ priceQuote(input: { serviceType: MOTORCYCLE, stops: ["
        '{ address: "1 Raffles Place, Singapore" }, { address: "10 Bayfront Avenue, Singapore" }] })'
        " { total { amount currency } waypoints } }"
    ),
    "Send an SMS, to nobody": (
        'mutation { sendSms(input: { messages: [{ text: "Hello", recipients: [{ destination: "+6591234567" }] }] })'
        " { job { jobId progress } errors { message } } }"
    ),
}
"""Operations to try, by what they show."""


def banner(gateway_url: str, simulators: Mapping[str, str]) -> str:
    """Write the greeting.

    Args:
        gateway_url: Where the gateway answers, such as "http://127.0.0.1:8000".
        simulators: Where each simulator does, by its name.
    """
    endpoint = f"{gateway_url}/graphql"
    tries = "".join(f"\n  # {title}\n  {_curl(endpoint, operation)}\n" for title, operation in OPERATIONS.items())
    upstreams = "".join(f"  {name:16}{url}\n" for name, url in simulators.items())
    first = next(iter(simulators.values()))
    return (
        f"\nThe sandbox is up. Open {endpoint} in a browser, or try:\n{tries}"
        f"\nThe simulated upstreams, whose records are made up:\n{upstreams}"
        f"\nSwitch a fault on, and off again:\n"
        f'  curl -X PUT {first}/_sandbox/faults -d \'{{"outage":"503"}}\'\n'
        f"  curl -X DELETE {first}/_sandbox/faults\n"
        f"\nCtrl-C ends it.\n"
    )


def _curl(endpoint: str, operation: str) -> str:
    body = orjson.dumps({"query": operation}).decode()
    return f"curl -s {endpoint} -H 'content-type: application/json' -d {shlex.quote(body)}"
