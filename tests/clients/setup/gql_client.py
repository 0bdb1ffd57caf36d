from collections.abc import AsyncIterator

from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.websockets import WebsocketsTransport

DOCUMENTS = """
query ($first: Int, $after: String) {
  documents(first: $first, after: $after) {
    nodes { id title }
    pageInfo { hasNextPage endCursor }
  }
}
"""
FOLLOW = """
subscription ($runId: ID!, $after: String) {
  runEvents(runId: $runId, after: $after) { sequence type ... on TextMessageContentEvent { delta } }
}
"""


async def documents(url: str, token: str | None = None) -> AsyncIterator[dict]:
    """All documents, page by page. What is asked is checked by the server's schema before it is sent."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    transport = AIOHTTPTransport(url=url, headers=headers)
    async with Client(transport=transport, fetch_schema_from_transport=True) as session:
        after, more = None, True
        while more:
            request = gql(DOCUMENTS)
            request.variable_values = {"first": 3, "after": after}
            page = (await session.execute(request))["documents"]
            for document in page["nodes"]:
                yield document
            after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]


async def follow_run(
    url: str, run_id: str, after: str | None = None, token: str | None = None
) -> AsyncIterator[dict]:
    """Every event of a run, until it has ended; behind `after`, the `sequence` of the last one that was read."""
    payload = {"authorization": f"Bearer {token}"} if token else {}
    transport = WebsocketsTransport(url=url.replace("http", "ws", 1), init_payload=payload)
    async with Client(transport=transport, fetch_schema_from_transport=True) as session:
        request = gql(FOLLOW)
        request.variable_values = {"runId": run_id, "after": after}
        async for answer in session.subscribe(request):
            yield answer["runEvents"]
