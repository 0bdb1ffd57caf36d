"""Prints, as JSON, what gql_client.py and requests_client.py read of a server: its URL and a run are the arguments."""

import asyncio
import json
import sys

from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportQueryError
from graphql import GraphQLError
from gql_client import documents, follow_run
import requests_client


async def main(url: str, run: str) -> None:
    read = {
        "documents": [document async for document in documents(url)],
        "events": (events := [event async for event in follow_run(url, run)]),
        "rest": [event async for event in follow_run(url, run, after=str(events[0]["sequence"]))],
    }
    async with Client(transport=AIOHTTPTransport(url=url), fetch_schema_from_transport=True) as session:
        try:
            await session.execute(gql("{ nothing }"))
        except GraphQLError as error:
            read["checked"] = error.message
        try:
            await session.execute(gql('{ node(id: "nothing") { id } }'))
        except TransportQueryError as error:
            read["refused"] = error.errors[0]["extensions"]["code"]
    read["asked"] = requests_client.ask(url, "{ documents(first: 7) { nodes { id title } } }")["documents"]["nodes"]
    read["flat"] = list(requests_client.follow_run(url.removesuffix("/graphql"), run))
    try:
        requests_client.ask(url, "query ($id: ID!) { node(id: $id) { id } }", {"id": "nothing"})
    except RuntimeError as error:
        read["told"] = str(error)
    print(json.dumps(read))


asyncio.run(main(*sys.argv[1:]))
