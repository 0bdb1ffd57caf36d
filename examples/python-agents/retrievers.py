"""Tributary's search as a retriever of LangChain and of LlamaIndex."""

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever as LangChainRetriever
from llama_index.core.retrievers import BaseRetriever as LlamaIndexRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from tributary import Tributary

SEARCH = """
query ($query: String!, $where: SearchFilter, $first: Int!) {
  search(query: $query, where: $where, first: $first) {
    edges { score node { id text document { id title source } } }
  }
}
"""


def passages(tributary: Tributary, query: str, where: dict | None, first: int) -> list[dict]:
    """The best passages, with their scores."""
    found = tributary.ask(SEARCH, {"query": query, "where": where, "first": first})
    return found["search"]["edges"]


class TributaryRetriever(LangChainRetriever):
    """
    For LangChain and LangGraph.

    ``where`` filters by what any store has: ``{"collection": {"eq": "notes"}}``,
    ``{"document": {"entities": {"some": {"name": {"eq": "pg"}}}}}``.
    """

    model_config = {"arbitrary_types_allowed": True}
    tributary: Tributary
    where: dict | None = None
    first: int = 5

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        return [
            Document(
                id=edge["node"]["id"],
                page_content=edge["node"]["text"],
                metadata={"score": edge["score"], **(edge["node"]["document"] or {})},
            )
            for edge in passages(self.tributary, query, self.where, self.first)
        ]


class TributaryIndexRetriever(LlamaIndexRetriever):
    """For LlamaIndex; likewise."""

    def __init__(self, tributary: Tributary, where: dict | None = None, first: int = 5) -> None:
        super().__init__()
        self._tributary, self._where, self._first = tributary, where, first

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [
            NodeWithScore(
                score=edge["score"],
                node=TextNode(
                    id_=edge["node"]["id"], text=edge["node"]["text"], metadata=edge["node"]["document"] or {}
                ),
            )
            for edge in passages(self._tributary, query_bundle.query_str, self._where, self._first)
        ]
