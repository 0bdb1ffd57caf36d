"""Prints, as JSON, what the examples come to. Arguments: the server, the scripted model, and what to try."""

import json
import operator
import sys
from typing import Annotated, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from llama_index.core.schema import QueryBundle
from openai import OpenAI

import openai_functions
from retrievers import TributaryIndexRetriever, TributaryRetriever
from run_checkpoints import RunCheckpointSaver
from tributary import Tributary


class State(TypedDict):
    question: str
    found: Annotated[list[str], operator.add]
    approved: bool


def graph(tributary: Tributary, saver: RunCheckpointSaver):
    """Searches, has somebody approve what it found, and ends."""
    retriever = TributaryRetriever(tributary=tributary, first=2)
    builder = StateGraph(State)
    builder.add_node("search", lambda state: {"found": [each.page_content for each in retriever.invoke(state["question"])]})
    builder.add_node("approve", lambda state: {"approved": interrupt({"found": state["found"]})})
    builder.add_edge(START, "search")
    builder.add_edge("search", "approve")
    builder.add_edge("approve", END)
    return builder.compile(checkpointer=saver)


def retrievers(tributary: Tributary) -> dict:
    where = {"document": {"entities": {"some": {"name": {"eq": "harbour"}}}}}
    found = TributaryRetriever(tributary=tributary, first=3).invoke("When may ships berth?")
    narrowed = TributaryRetriever(tributary=tributary, first=3, where=where).invoke("When may ships berth?")
    nodes = TributaryIndexRetriever(tributary, where=where, first=3).retrieve(QueryBundle("When may ships berth?"))
    return {
        "found": [[each.metadata["title"], each.page_content] for each in found],
        "narrowed": [each.metadata["title"] for each in narrowed],
        "nodes": [[each.node.metadata["title"], each.node.text, each.score] for each in nodes],
    }


def begin(tributary: Tributary) -> dict:
    """As far as somebody has to approve; the process ends then."""
    saver = RunCheckpointSaver(tributary)
    config = {"configurable": {"thread_id": "ship-1"}}
    state = graph(tributary, saver).invoke({"question": "When may ships berth?", "found": []}, config)
    return {"run": saver.run_of("ship-1"), "asks": state["__interrupt__"][0].value, "found": state["found"]}


def go_on(tributary: Tributary) -> dict:
    saver = RunCheckpointSaver(tributary)
    config = {"configurable": {"thread_id": "ship-1"}}
    going = graph(tributary, saver)
    waiting = going.get_state(config).next
    state = going.invoke(Command(resume=True), config)
    history = [each.metadata["step"] for each in saver.list(config)]
    begun = next(each for each in saver.list(config) if each.metadata["step"] == 0)
    limited = [each.metadata["step"] for each in saver.list(config, limit=1)]
    other = saver.get_tuple({"configurable": {"thread_id": "another"}})
    return {
        "run": saver.run_of("ship-1"),
        "waiting": list(waiting),
        "state": {name: state[name] for name in ("found", "approved")},
        "history": history,
        "begun": going.get_state(begun.config).values,
        "limited": limited,
        "other": other,
    }


def end(tributary: Tributary) -> dict:
    RunCheckpointSaver(tributary).delete_thread("ship-1")
    return {}


def functions(tributary: Tributary, models: str) -> dict:
    client = OpenAI(base_url=models, api_key="none", max_retries=0)
    answer = openai_functions.answer(client, "scripted", tributary, "When may ships berth?")
    return {"answer": answer, "responses": [each["name"] for each in tributary.functions("responses")]}


TRIES = {"retrievers": retrievers, "begin": begin, "go_on": go_on, "end": end}
origin, model_server, wanted = sys.argv[1:]
server = Tributary(origin)
print(json.dumps(functions(server, model_server) if wanted == "functions" else TRIES[wanted](server)))
