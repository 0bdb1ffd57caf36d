"""
A Dramatiq actor that works on runs: ``dramatiq worker``. A message only says that a run waits; the claim says which, and that
nobody else works on it. A worker that dies loses its lease, and another goes on where the log ends.

AMQP_URL, TRIBUTARY_URL and TRIBUTARY_TOKEN say where both are, and as whom the runs are claimed.
"""

import json
import os
import time
from http.client import HTTPException
from urllib.request import Request, urlopen

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker

URL = os.environ.get("TRIBUTARY_URL", "http://127.0.0.1:4000").rstrip("/")
TOKEN = os.environ.get("TRIBUTARY_TOKEN")
LEASE_SECONDS = int(os.environ.get("LEASE_SECONDS", "60"))
TIMEOUT_SECONDS = 20
TRIES = 5

dramatiq.set_broker(RabbitmqBroker(url=os.environ.get("AMQP_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")))

CLAIM = """mutation ($agentId: ID!, $seconds: Int) {
  claimRun(input: { agentId: $agentId, leaseSeconds: $seconds }) { run { id input lastSequence } lease { token } } }"""
BEAT = """mutation ($runId: ID!, $token: String!, $seconds: Int) {
  heartbeatRun(input: { runId: $runId, token: $token, leaseSeconds: $seconds }) { run { id } } }"""
APPEND = """mutation ($input: AppendRunEventsInput!) { appendRunEvents(input: $input) { run { lastSequence } } }"""


class Refused(Exception):
    """An answer with an error; ``code`` is stable."""

    def __init__(self, error: dict) -> None:
        super().__init__(error["message"])
        self.code = error.get("extensions", {}).get("code")


def ask(query: str, **variables: object) -> dict:
    """What the gateway answers, asked again for a while where it does not; :raises Refused: where it refuses, OSError at last."""
    headers = {"content-type": "application/json", "accept": "application/json"}
    if TOKEN:
        headers["authorization"] = f"Bearer {TOKEN}"
    body = json.dumps({"query": query, "variables": variables}).encode()
    for attempt in range(TRIES):
        try:
            with urlopen(Request(f"{URL}/graphql", body, headers), timeout=TIMEOUT_SECONDS) as response:
                answer = json.load(response)
        except (OSError, HTTPException):  # A connection that broke, or a status of 400 and more.
            if attempt + 1 == TRIES:
                raise
            time.sleep(2**attempt / 4)
            continue
        if answer.get("errors"):
            raise Refused(answer["errors"][0])
        return answer["data"]
    raise AssertionError("not reached")


@dramatiq.actor(
    queue_name=os.environ.get("DRAMATIQ_QUEUE", "tributary-runs"),
    actor_name=os.environ.get("DRAMATIQ_ACTOR", "answer_run"),
    # The gateway sends another message where this one came to nothing.
    max_retries=3,
    min_backoff=1_000,
    time_limit=3_600_000,
)
def answer_run(run_id: str, agent_id: str, tenant_id: str, project: str | None = None) -> None:
    """Claims the agent's most urgent run, which need not be ``run_id``, and works on it; nothing where no run waits any more."""
    claimed = ask(CLAIM, agentId=agent_id, seconds=LEASE_SECONDS)["claimRun"]
    if claimed["run"] is not None:
        work(claimed["run"], claimed["lease"]["token"])


def work(run: dict, token: str) -> None:
    """One step after the other, each written as one append, so that the log says which are done."""
    given = run["input"] if isinstance(run["input"], dict) else {}
    steps = given.get("steps")
    claim = token.split("-")[0]  # The how many-th claim of the run this is.
    last = run["lastSequence"]
    try:
        if not isinstance(steps, list):  # Whoever claims it next would find the same.
            fault = {"message": "The input has no list of `steps`.", "code": "NO_STEPS"}
            append(run, token, last, [{"type": "RUN_ERROR", "payload": fault}])
            return
        # RUN_STARTED comes before the first two events by itself.
        for step in steps[max(0, last - 1) // 2 :]:
            ask(BEAT, runId=run["id"], token=token, seconds=LEASE_SECONDS)
            time.sleep(given.get("pauseMs", 0) / 1_000)  # The work itself.
            name = {"stepName": f"{step} by claim {claim}"}
            events = [{"type": "STEP_STARTED", "payload": name}, {"type": "STEP_FINISHED", "payload": name}]
            last = append(run, token, last, events)
        end = {"type": "RUN_FINISHED", "payload": {"result": {"steps": len(steps)}}}
        append(run, token, last, [end])
    except Refused as refusal:
        # Cancelled, or claimed by another since the lease had ended: no longer this worker's.
        if refusal.code != "CONFLICT":
            raise


def append(run: dict, token: str, last: int, events: list[dict]) -> int:
    """Refused where the log does not end at ``last``. Keys make a repeat of a lost answer the same append."""
    given = {"runId": run["id"], "token": token, "events": events, "expectedSequence": last}
    return ask(APPEND, input={**given, "idempotencyKey": f"{last}"})["appendRunEvents"]["run"]["lastSequence"]
