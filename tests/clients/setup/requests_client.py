import json
import time
from collections.abc import Iterator

import requests


def ask(url: str, query: str, variables: dict | None = None, token: str | None = None) -> dict:
    """What a query or a mutation answers. Each error has a stable code at `extensions.code`."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    body = {"query": query, "variables": variables or {}}
    answer = requests.post(url, json=body, headers=headers, timeout=60).json()
    if answer.get("errors"):
        raise RuntimeError(answer["errors"])
    return answer["data"]


def follow_run(origin: str, run_id: str, token: str | None = None) -> Iterator[dict]:
    """Every event of a run, once, as AG-UI encodes it, until the run has ended; a connection that breaks is made again."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    while True:
        try:
            # Something comes every 15 seconds at least, were it only a sign of life.
            with requests.get(f"{origin}/runs/{run_id}/events", headers=headers, stream=True, timeout=60) as events:
                events.raise_for_status()
                if events.status_code == 204:  # There is no more.
                    return
                for line in events.iter_lines():
                    name, _, value = line.partition(b": ")
                    if name == b"id":
                        seen = value
                    elif name == b"data":
                        yield json.loads(value)
                        headers["last-event-id"] = seen.decode()
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            time.sleep(1)
