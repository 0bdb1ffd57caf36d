/** urql with its normalised cache, which knows the schema: pages, deletions, subscriptions. */
import { gql, type AnyVariables, type Client, type DocumentInput } from '@urql/core';
import { getIntrospectionQuery, type IntrospectionQuery } from 'graphql';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi, type MockInstance } from 'vitest';
import { DELTAS, type Library } from './library.ts';
import { urqlClient } from './setup/urql.ts';

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

export const urql = (library: () => Library): unknown =>
  describe('urql', () => {
    let schema: IntrospectionQuery;
    let client: Client;
    let complaints: MockInstance[];
    beforeAll(async () => {
      schema = await library().ask(getIntrospectionQuery());
    });
    beforeEach(() => {
      client = urqlClient(library().url, schema);
      complaints = (['warn', 'error'] as const).map((method) => vi.spyOn(console, method));
    });
    afterEach(() => {
      for (const complaint of complaints) expect(complaint.mock.calls).toEqual([]);
      vi.restoreAllMocks();
    });
    const asked = async (query: DocumentInput, variables: AnyVariables = {}): Promise<any> => {
      const { data, error } = await client.query(query, variables).toPromise();
      expect(error).toBeUndefined();
      return data;
    };
    const titles = ({ documents }: any): string[] => documents.edges.map(({ node }: any) => node.title);

    test('pages are added forward and back', async () => {
      const all = library().documents.map(({ title }) => title);
      const { documents } = await asked(DOCUMENTS, { first: 3 });
      expect(titles(await asked(DOCUMENTS, { first: 3, after: documents.pageInfo.endCursor }))).toEqual(
        all.slice(0, 6),
      );
      client = urqlClient(library().url, schema);
      const { documents: last } = await asked(DOCUMENTS, { last: 3 });
      const both = await asked(DOCUMENTS, { last: 3, before: last.pageInfo.startCursor });
      expect(titles(both)).toEqual(all.slice(1));
      expect(both.documents.pageInfo).toMatchObject({ hasPreviousPage: true, hasNextPage: false });
    });

    test('what a mutation deletes leaves the lists that show it', async () => {
      const { ask, documents } = library();
      const { upsertDocument } = await ask(`mutation {
        upsertDocument(input: { title: "Ten", source: "Ten", mediaType: "text/plain", text: "Short." }) { document { id } }
      }`);
      const list = client.query<any>(DOCUMENTS, { first: 20 });
      const seen: string[][] = [];
      const shown = list.subscribe(({ data }) => void seen.push(titles(data)));
      await vi.waitFor(() => expect(seen.at(-1)).toContain('Ten'));
      const remove = gql`
        mutation ($input: DeleteDocumentInput!) {
          deleteDocument(input: $input) {
            deletedIds
          }
        }
      `;
      await client.mutation(remove, { input: { id: upsertDocument.document.id } }).toPromise();
      await vi.waitFor(() => expect(seen.at(-1)).toEqual(documents.map(({ title }) => title)));
      shown.unsubscribe();
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
      const run = gql`
        query ($id: ID!) {
          run(id: $id) {
            id
            status
          }
        }
      `;
      client.subscription(query, { id: library().run }).subscribe(({ data }: any) => {
        said.push(...[data.runEvents.delta ?? []].flat());
      });
      await vi.waitFor(() => expect(said).toEqual(DELTAS));
      expect((await asked(run, { id: library().run })).run.status).toBe('SUCCEEDED');
    });
  });
