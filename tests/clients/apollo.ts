/** Apollo Client: a cache that knows things by their ids, pages, parts, deletions and subscriptions. */
import { gql, type ApolloClient, type OperationVariables } from '@apollo/client';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi, type MockInstance } from 'vitest';
import { DELTAS, type Library } from './library.ts';
import { apolloClient } from './setup/apollo.ts';
import { possibleTypes } from './setup/possible-types.ts';

/* eslint-disable @typescript-eslint/no-explicit-any -- what is read is checked by its content */
const DOCUMENTS = gql`
  query ($first: Int, $after: String, $last: Int, $before: String) {
    documents(first: $first, after: $after, last: $last, before: $before) {
      edges {
        node {
          id
          title
        }
      }
      pageInfo {
        hasNextPage
        hasPreviousPage
        startCursor
        endCursor
      }
    }
  }
`;

export const apollo = (library: () => Library): unknown =>
  describe('Apollo Client', () => {
    let types: Record<string, string[]>;
    let client: ApolloClient;
    beforeAll(async () => {
      types = await possibleTypes(library().url);
    });
    let complaints: MockInstance[];
    beforeEach(() => {
      client = apolloClient(library().url, types);
      complaints = (['warn', 'error'] as const).map((method) => vi.spyOn(console, method));
    });
    afterEach(() => {
      client.stop();
      for (const complaint of complaints) expect(complaint.mock.calls).toEqual([]);
      vi.restoreAllMocks();
    });
    const asked = async (query: ReturnType<typeof gql>, variables: OperationVariables = {}): Promise<any> =>
      (await client.query({ query, variables })).data;
    const titles = ({ documents }: any): string[] => documents.edges.map(({ node }: any) => node.title);

    test('pages are added forward and back, and what is in them is known by its id', async () => {
      const { documents } = library();
      const all = documents.map(({ title }) => title);
      for (const [first, more, expected] of [
        [{ first: 3 }, ({ endCursor }: any) => ({ first: 3, after: endCursor }), all.slice(0, 6)],
        [{ last: 3 }, ({ startCursor }: any) => ({ first: undefined, last: 3, before: startCursor }), all.slice(1)],
      ] as const) {
        client = apolloClient(library().url, types);
        const list = client.watchQuery<any>({ query: DOCUMENTS, variables: first });
        const { subscription, data } = await new Promise<any>((resolve) => {
          const subscription = list.subscribe(({ data, loading }) => {
            if (!loading) resolve({ subscription, data });
          });
        });
        expect(titles(data)).toHaveLength(3);
        await list.fetchMore({ variables: more(data.documents.pageInfo) });
        await vi.waitFor(() => expect(titles(list.getCurrentResult().data)).toEqual(expected));
        subscription.unsubscribe();
      }
      const { id, title } = documents[4]!;
      const known = client.cache.readFragment({
        id: `Document:${id}`,
        fragment: gql`
          fragment Known on Document {
            title
          }
        `,
      });
      expect(known).toMatchObject({ title });
    });

    test('fragments on interfaces match by the types that the schema tells', async () => {
      const { documents, run } = library();
      const query = gql`
        query ($ids: [ID!]!, $run: ID!) {
          nodes(ids: $ids) {
            ...Id
          }
          run(id: $run) {
            id
            events(first: 2) {
              edges {
                node {
                  ...Place
                }
              }
            }
          }
        }
        fragment Id on Node {
          id
        }
        fragment Place on RunEvent {
          sequence
        }
      `;
      const variables = { ids: documents.map(({ id }) => id), run };
      const data = await asked(query, variables);
      expect(data.nodes.map(({ id }: any) => id)).toEqual(variables.ids);
      expect(data.run.events.edges.map(({ node }: any) => node.sequence)).toEqual([1, 2]);
      // Without them nothing of it is shown: the commonest of reports.
      client = apolloClient(library().url, {});
      for (const complaint of complaints) complaint.mockReturnValue(undefined);
      const unknown = await client.query<any>({ query, variables, errorPolicy: 'all' });
      expect(unknown.data?.nodes?.[0]?.id).toBeUndefined();
      for (const complaint of complaints) complaint.mockClear();
    });

    test('deferred parts of another subgraph come in the format of graphql-js 17, into the same cache', async () => {
      const [{ id, title }] = library().documents as [{ id: string; title: string }];
      const types = vi.spyOn(globalThis, 'fetch');
      const data = await asked(
        gql`
          query ($id: ID!) {
            document(id: $id) {
              id
              title
              ... @defer {
                text
                file {
                  key
                  size
                }
              }
            }
          }
        `,
        { id },
      );
      expect(data.document).toMatchObject({ title, text: `The text of ${title}.` });
      const response = (await types.mock.results[0]!.value) as Response;
      expect(response.headers.get('content-type')).toContain('incrementalSpec=v0.2');
      const { key } = data.document.file;
      const { [`StoredObject:{"key":"${key}"}`]: stored } = client.cache.extract() as Record<string, unknown>;
      expect(stored).toMatchObject({ size: data.document.file.size });
    });

    test('what a mutation deletes leaves the lists that show it', async () => {
      const { ask, documents } = library();
      const { upsertDocument } = await ask(`mutation {
        upsertDocument(input: { title: "Nine", source: "Nine", mediaType: "text/plain", text: "Short." }) { document { id } }
      }`);
      const { id } = upsertDocument.document;
      expect(titles(await asked(DOCUMENTS, { first: 20 }))).toContain('Nine');
      await client.mutate<any>({
        mutation: gql`
          mutation ($input: DeleteDocumentInput!) {
            deleteDocument(input: $input) {
              deletedIds
            }
          }
        `,
        variables: { input: { id } },
        update: (cache, { data }) => {
          for (const gone of data.deleteDocument.deletedIds) cache.evict({ id: `Document:${gone}` });
        },
      });
      const left = client.cache.readQuery<any>({ query: DOCUMENTS, variables: { first: 20 } });
      expect(titles(left)).toEqual(documents.map(({ title }) => title));
    });

    test('a subscription over graphql-ws is read to its end', async () => {
      const said: string[] = [];
      const query = gql`
        subscription ($id: ID!) {
          runEvents(runId: $id) {
            sequence
            ... on TextMessageContentEvent {
              delta
            }
            run {
              id
              status
            }
          }
        }
      `;
      await new Promise<void>((complete, error) => {
        client.subscribe<any>({ query, variables: { id: library().run } }).subscribe({
          next: ({ data }) => void said.push(...[data.runEvents.delta ?? []].flat()),
          error,
          complete,
        });
      });
      expect(said).toEqual(DELTAS);
    });
  });
