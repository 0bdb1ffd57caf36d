"""
A checkpointer of LangGraph that keeps a graph's state in a run: each checkpoint is an event of the run's log, so that whoever may
see the run can follow it, and a graph goes on where it was after its process, or the server, has ended.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
)

from tributary import Tributary

CHECKPOINT, WRITES = "langgraph.checkpoint", "langgraph.writes"
PAGE = 50

START = """
mutation ($threadId: ID!, $key: String!, $agentName: String) {
  startRun(input: { threadId: $threadId, idempotencyKey: $key, agentName: $agentName }) { run { id } }
}
"""
APPEND = """
mutation ($runId: ID!, $key: String!, $name: String!, $value: JSON!) {
  appendRunEvents(input: {
    runId: $runId, idempotencyKey: $key, events: [{ type: CUSTOM, payload: { name: $name, value: $value } }]
  }) { run { id } }
}
"""
READ = """
query ($runId: ID!, $last: Int!, $before: String) {
  run(id: $runId) {
    events(types: [CUSTOM], last: $last, before: $before) {
      nodes { ... on CustomEvent { name value } }
      pageInfo { hasPreviousPage startCursor }
    }
  }
}
"""
CANCEL = "mutation ($runId: ID!) { cancelRun(input: { runId: $runId }) { run { id } } }"


class RunCheckpointSaver(BaseCheckpointSaver[str]):
    """
    Keeps the state of each thread in a run of its own.

    :param tributary: needs the scopes ``runs:write`` and ``runs:work``
    :param agent_name: whose runs they are; nobody's by default
    """

    def __init__(self, tributary: Tributary, agent_name: str | None = None) -> None:
        super().__init__()
        self._tributary = tributary
        self._agent_name = agent_name
        self._runs: dict[str, str] = {}

    def run_of(self, thread_id: str) -> str:
        """The id of a thread's run, which is started where there is none: the same key gives the same run."""
        if thread_id not in self._runs:
            key = f"langgraph:{thread_id}"
            given = {"threadId": thread_id, "key": key, "agentName": self._agent_name}
            self._runs[thread_id] = self._tributary.ask(START, given)["startRun"]["run"]["id"]
        return self._runs[thread_id]

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        thread, namespace, parent = _place(config)
        value = {
            "namespace": namespace,
            "id": checkpoint["id"],
            "parent": parent,
            "checkpoint": self._packed(checkpoint),
            "metadata": self._packed(metadata),
        }
        self._append(thread, CHECKPOINT, value)
        return {"configurable": {"thread_id": thread, "checkpoint_ns": namespace, "checkpoint_id": checkpoint["id"]}}

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        thread, namespace, checkpoint = _place(config)
        packed = [
            [WRITES_IDX_MAP.get(channel, at), channel, *self._packed(value)]
            for at, (channel, value) in enumerate(writes)
        ]
        value = {"namespace": namespace, "id": checkpoint, "task": task_id, "path": task_path, "writes": packed}
        self._append(thread, WRITES, value)

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        thread, namespace, wanted = _place(config)
        return next(self._tuples(thread, namespace, wanted), None)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        if config is None:
            raise ValueError("Name a thread: its checkpoints are in its run.")
        thread, namespace, wanted = _place(config)
        until = get_checkpoint_id(before) if before else None
        given = 0
        for found in self._tuples(thread, namespace, wanted):
            if until is not None and found.checkpoint["id"] >= until:
                continue
            if filter and any(found.metadata.get(name) != value for name, value in filter.items()):
                continue
            if limit is not None and given >= limit:
                return
            given += 1
            yield found

    def delete_thread(self, thread_id: str) -> None:
        """Ends its run. Its log is kept as long as logs of runs are."""
        self._tributary.ask(CANCEL, {"runId": self.run_of(thread_id)})
        del self._runs[thread_id]

    def _append(self, thread: str, name: str, value: dict) -> None:
        # Sent again after an answer that was lost, it is the same event.
        key = hashlib.sha256(repr((name, value)).encode()).hexdigest()
        self._tributary.ask(APPEND, {"runId": self.run_of(thread), "key": key, "name": name, "value": value})

    def _tuples(self, thread: str, namespace: str, wanted: str | None) -> Iterator[CheckpointTuple]:
        """The newest first; what was written to one stands behind it in the log."""
        writes: dict[str, dict] = {}
        for name, value in self._backwards(thread):
            if value.get("namespace") != namespace:
                continue
            if name == WRITES:
                of = writes.setdefault(value["id"], {})
                for index, channel, kind, packed in value["writes"]:
                    # The last that was written holds, and it is read first.
                    of.setdefault((value["task"], index), (value["task"], channel, self._unpacked(kind, packed)))
            elif name == CHECKPOINT and wanted in (None, value["id"]):
                yield self._tuple(thread, value, writes.pop(value["id"], {}))
                if wanted is not None:
                    return

    def _tuple(self, thread: str, value: dict, writes: dict) -> CheckpointTuple:
        def config(checkpoint_id: str) -> RunnableConfig:
            place = {"thread_id": thread, "checkpoint_ns": value["namespace"], "checkpoint_id": checkpoint_id}
            return {"configurable": place}

        return CheckpointTuple(
            config=config(value["id"]),
            checkpoint=self._unpacked(*value["checkpoint"]),
            metadata=self._unpacked(*value["metadata"]),
            parent_config=config(value["parent"]) if value["parent"] else None,
            pending_writes=[writes[key] for key in sorted(writes)],
        )

    def _backwards(self, thread: str) -> Iterator[tuple[str, dict]]:
        before, more = None, True
        while more:
            given = {"runId": self.run_of(thread), "last": PAGE, "before": before}
            events = self._tributary.ask(READ, given)["run"]["events"]
            for event in reversed(events["nodes"]):
                yield event["name"], event["value"] or {}
            before, more = events["pageInfo"]["startCursor"], events["pageInfo"]["hasPreviousPage"]

    def _packed(self, value: Any) -> list[str]:
        kind, data = self.serde.dumps_typed(value)
        return [kind, base64.b64encode(data).decode()]

    def _unpacked(self, kind: str, data: str) -> Any:
        return self.serde.loads_typed((kind, base64.b64decode(data)))


def _place(config: RunnableConfig) -> tuple[str, str, str | None]:
    configurable = config["configurable"]
    return str(configurable["thread_id"]), configurable.get("checkpoint_ns", ""), get_checkpoint_id(config)
