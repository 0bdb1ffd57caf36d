/** A server with something to read, for all clients. */
import { expect, vi } from 'vitest';
import { startTestServer } from '#tests/setup/server.ts';

export interface Library extends AsyncDisposable {
  /** Where GraphQL is answered. */
  readonly url: string;
  /** Titles and ids of documents, in the order in which `documents` lists them. */
  readonly documents: readonly { readonly id: string; readonly title: string }[];
  /** An entity with three relations; the others are at their other ends. */
  readonly hub: string;
  readonly others: readonly string[];
  /** The relation from the hub to the first of the others. */
  readonly relation: string;
  /** A run that has ended, in which {@link DELTAS} were said. */
  readonly run: string;
  ask(query: string, variables?: Record<string, unknown>): Promise<any>; // eslint-disable-line @typescript-eslint/no-explicit-any -- answers are looked into, and a wrong shape fails the test
}

export const DELTAS = ['Once', ' upon', ' a time.'];

export async function openLibrary(): Promise<Library> {
  const server = await startTestServer();
  const url = `${server.url}/graphql`;
  const ask: Library['ask'] = async (query, variables = {}) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await response.json()) as { data: unknown; errors?: unknown };
    if (errors !== undefined) throw new Error(`${query}: ${JSON.stringify(errors)}`);
    return data;
  };
  try {
    const made = await ask(
      `mutation ($documents: UpsertDocumentsInput!, $relations: UpsertRelationsInput!) {
        upsertDocuments(input: $documents) { documents { id } }
        upsertRelations(input: $relations) { relations { id from { id } to { id } } }
        startRun(input: {}) { run { id } }
      }`,
      {
        documents: {
          documents: ['One', 'Two', 'Three', 'Four', 'Five', 'Six', 'Seven'].map((title) => ({
            title,
            source: title,
            mediaType: 'text/plain',
            text: `The text of ${title}.`,
          })),
        },
        relations: {
          relations: ['Bob', 'Cleo', 'Dan'].map((name) => ({
            from: { name: 'Ada', kind: 'person' },
            to: { name, kind: 'person' },
            type: 'KNOWS',
          })),
        },
      },
    );
    const run = made.startRun.run.id as string;
    const message = { messageId: 'm' };
    await ask(
      `mutation ($id: ID!, $events: [RunEventInput!]!) {
        appendRunEvents(input: { runId: $id, events: $events }) { run { id } }
        finishRun(input: { runId: $id }) { run { id } }
      }`,
      {
        id: run,
        events: [
          { type: 'TEXT_MESSAGE_START', payload: { ...message, role: 'assistant' } },
          ...DELTAS.map((delta) => ({ type: 'TEXT_MESSAGE_CONTENT', payload: { ...message, delta } })),
          { type: 'TEXT_MESSAGE_END', payload: message },
        ],
      },
    );
    // Answers that are compared must not change because something has been delivered in between.
    const documents = await vi.waitFor(
      async () => {
        const { documents } = await ask('{ documents(first: 7) { nodes { id title indexing { state } } } }');
        const nodes = documents.nodes as { id: string; title: string; indexing: { state: string }[] }[];
        expect(nodes.flatMap(({ indexing }) => indexing).filter(({ state }) => state !== 'DONE')).toEqual([]);
        return nodes.map(({ id, title }) => ({ id, title }));
      },
      { timeout: 60_000, interval: 100 },
    );
    const relations = made.upsertRelations.relations as { id: string; from: { id: string }; to: { id: string } }[];
    return {
      url,
      documents,
      hub: relations[0]!.from.id,
      others: relations.map(({ to }) => to.id),
      relation: relations[0]!.id,
      run,
      ask,
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}
