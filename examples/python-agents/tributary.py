"""What the examples of this folder share: queries, and tools as functions."""

import requests

TIMEOUT_SECONDS = 60


class Tributary:
    """
    One server, as one caller.

    :param origin: where it is, such as ``http://127.0.0.1:4000``
    :param token: an API key or an access token; none in development mode
    """

    def __init__(self, origin: str, token: str | None = None) -> None:
        self._origin = origin.rstrip("/")
        self._session = requests.Session()
        if token:
            self._session.headers["authorization"] = f"Bearer {token}"

    def ask(self, query: str, variables: dict | None = None) -> dict:
        """
        What a query or a mutation answers.

        :raises RuntimeError: with the errors, each with a stable code at ``extensions.code``
        """
        return self._data("/graphql", {"query": query, "variables": variables or {}})

    def functions(self, form: str = "chat-completions") -> list[dict]:
        """The tools that the caller may use: ``chat-completions`` or ``responses``, as OpenAI calls them."""
        answer = self._session.get(
            f"{self._origin}/agents/tools", params={"format": form}, timeout=TIMEOUT_SECONDS
        )
        answer.raise_for_status()
        return answer.json()["tools"]

    def call(self, name: str, arguments: str) -> str:
        """
        What a tool answers to a model's arguments (JSON text), for the model to read: its faults too, since it can mend them.
        """
        answer = self._session.post(
            f"{self._origin}/agents/tools/{name}",
            data=arguments.encode(),
            headers={"content-type": "application/json"},
            timeout=TIMEOUT_SECONDS,
        )
        return answer.text

    def _data(self, path: str, body: dict) -> dict:
        answer = self._session.post(f"{self._origin}{path}", json=body, timeout=TIMEOUT_SECONDS).json()
        if answer.get("errors"):
            raise RuntimeError(answer["errors"])
        return answer["data"]
