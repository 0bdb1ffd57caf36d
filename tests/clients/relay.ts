/** Relay: the compiler takes the schema, and its runtime reads, pages, refetches, deletes and follows. */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  commitMutation,
  ConnectionHandler,
  createOperationDescriptor,
  fetchQuery,
  getSelector,
  requestSubscription,
  type ConcreteRequest,
  type Environment,
  type Variables,
} from 'relay-runtime';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi, type MockInstance } from 'vitest';
import { DELTAS, type Library } from './library.ts';
import { relayEnvironment } from './setup/relay.ts';

/* eslint-disable @typescript-eslint/no-explicit-any -- what is read is checked by its content */
const HERE = fileURLToPath(new URL('./relay/', import.meta.url));
const SCHEMA = fileURLToPath(new URL('../../gateway/supergraph/api.graphql', import.meta.url));
const COMPILER = createRequire(import.meta.url).resolve('relay-compiler/cli.js');

export const relay = (library: () => Library): unknown =>
  describe('Relay', () => {
    let folder: string;
    let environment: Environment;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'tributary-relay-'));
      await mkdir(join(folder, 'src/__generated__'), { recursive: true });
      await copyFile(SCHEMA, join(folder, 'schema.graphql'));
      await copyFile(join(HERE, 'relay.config.json'), join(folder, 'relay.config.json'));
      await copyFile(join(HERE, 'library.ts'), join(folder, 'src/library.ts'));
      // Fails with the compiler's words for a schema or an operation that it does not take.
      await promisify(execFile)(process.execPath, [COMPILER, 'relay.config.json'], { cwd: folder });
    });
    let complaints: MockInstance[];
    beforeEach(() => {
      environment = relayEnvironment(library().url);
      complaints = (['warn', 'error'] as const).map((method) => vi.spyOn(console, method));
    });
    afterEach(() => {
      // Such as of one id that things of two types have.
      for (const complaint of complaints) expect(complaint.mock.calls).toEqual([]);
      vi.restoreAllMocks();
    });
    afterAll(async () => {
      await rm(folder, { recursive: true, force: true });
    });

    const compiled = async (name: string): Promise<ConcreteRequest> =>
      ((await import(join(folder, `src/__generated__/${name}.graphql.ts`))) as { default: ConcreteRequest }).default;
    /** @returns the last that comes, when all has come */
    const fetched = async (name: string, variables: Variables = {}): Promise<any> => {
      const query = await compiled(name);
      let last: unknown;
      await new Promise<void>((resolve, reject) => {
        fetchQuery(environment, query, variables).subscribe({
          next: (data) => (last = data),
          error: reject,
          complete: resolve,
        });
      });
      return last;
    };
    /** What a fragment shows of the store, however it came there. */
    const shown = async (query: string, variables: Variables, fragment: string, ref: (data: any) => unknown) => {
      const descriptor = createOperationDescriptor(await compiled(query), variables);
      const data = environment.lookup(descriptor.fragment).data;
      const selector = getSelector((await compiled(fragment)) as never, ref(data)) as any;
      return environment.lookup(selector).data as any;
    };

    test('a connection is paged forward and back, and every page is added to what is there', async () => {
      const { documents } = library();
      const titles = documents.map(({ title }) => title);
      const all = async (): Promise<any> =>
        (await shown('libraryQuery', {}, 'library_documents', (data) => data)).documents;
      const titlesShown = async () => (await all()).edges.map(({ node }: any) => node.title);

      await fetched('libraryQuery', { first: 3 });
      expect(await titlesShown()).toEqual(titles.slice(0, 3));
      await fetched('libraryPageQuery', { first: 3, after: (await all()).pageInfo.endCursor });
      await fetched('libraryPageQuery', { first: 3, after: (await all()).pageInfo.endCursor });
      expect(await titlesShown()).toEqual(titles);
      expect((await all()).pageInfo.hasNextPage).toBe(false);

      environment = relayEnvironment(library().url);
      await fetched('libraryQuery', { last: 3 });
      expect(await titlesShown()).toEqual(titles.slice(-3));
      await fetched('libraryPageQuery', { last: 3, before: (await all()).pageInfo.startCursor });
      await fetched('libraryPageQuery', { last: 3, before: (await all()).pageInfo.startCursor });
      expect(await titlesShown()).toEqual(titles);
      expect((await all()).pageInfo.hasPreviousPage).toBe(false);
    });

    test("what is refetched by `node` is another subgraph's, and pages there", async () => {
      const { hub } = library();
      const all = async (): Promise<any> =>
        await shown('libraryEntityQuery', { id: hub }, 'library_relations', (data) => data.node.entity);
      await fetched('libraryEntityQuery', { id: hub });
      for (const seen of [['Bob'], ['Bob', 'Cleo'], ['Bob', 'Cleo', 'Dan']]) {
        const { name, relations } = await all();
        expect([name, relations.edges.map(({ node }: any) => node.name)]).toEqual(['Ada', seen]);
        await fetched('libraryRelationsQuery', { id: hub, count: 1, cursor: relations.pageInfo.endCursor });
      }
    });

    test('a relation that is seen from both of its ends stays what it is at each', async () => {
      const { hub, others, relation } = library();
      const { nodes } = await fetched('libraryEndsQuery', { ids: [hub, others[0], relation] });
      expect(nodes).toMatchObject([
        { relations: { edges: ['Bob', 'Cleo', 'Dan'].map((name) => ({ direction: 'OUT', node: { name } })) } },
        { relations: { edges: [{ direction: 'IN', node: { name: 'Ada' } }] } },
        { id: relation, type: 'KNOWS' },
      ]);
    });

    test('events, which have no ids, are paged as well', async () => {
      const { run } = library();
      const query = await compiled('libraryEventsQuery');
      const { fragment } = createOperationDescriptor(query, { id: run, first: 2 });
      const all = (): any => (environment.lookup(fragment).data as any).run.events;
      await fetched('libraryEventsQuery', { id: run, first: 2 });
      while (all().pageInfo.hasNextPage)
        await fetched('libraryEventsQuery', { id: run, first: 2, after: all().pageInfo.endCursor });
      const sequences = all().edges.map(({ node }: any) => node.sequence);
      expect(sequences.length).toBeGreaterThan(DELTAS.length);
      expect(sequences).toEqual(sequences.map((_: unknown, at: number) => at + 1));
    });

    test('what a mutation adds and deletes is in the connection that shows it, and leaves it', async () => {
      await fetched('libraryQuery', { first: 20 });
      const titles = async (): Promise<string[]> =>
        (await shown('libraryQuery', {}, 'library_documents', (data) => data)).documents.edges.map(
          ({ node }: any) => node.title,
        );
      const before = await titles();
      const connections = [ConnectionHandler.getConnectionID('client:root', 'library_documents')];
      const changed = async (name: string, input: unknown): Promise<any> => {
        const mutation = await compiled(name);
        return await new Promise((onCompleted, onError) => {
          commitMutation(environment, { mutation, variables: { input, connections }, onCompleted, onError });
        });
      };
      const { upsertDocument } = await changed('libraryAddMutation', {
        title: 'Eight',
        source: 'Eight',
        mediaType: 'text/plain',
        text: 'Short.',
      });
      expect(await titles()).toEqual(['Eight', ...before]);
      await changed('libraryRemoveMutation', { id: upsertDocument.document.id });
      expect(await titles()).toEqual(before);
    });

    test('a subscription is read to its end, and the run in its events is the one in the store', async () => {
      const { run } = library();
      const seen: any[] = [];
      const subscription = await compiled('libraryRunSubscription');
      await new Promise<void>((resolve, reject) => {
        requestSubscription(environment, {
          subscription,
          variables: { runId: run },
          onNext: (event) => seen.push(event),
          onCompleted: resolve,
          onError: reject,
        });
      });
      expect(seen.flatMap(({ runEvents }) => runEvents.delta ?? [])).toEqual(DELTAS);
      expect(environment.getStore().getSource().get(run)).toMatchObject({ __typename: 'Run', status: 'SUCCEEDED' });
    });

    test('deferred parts, and items of a streamed connection, are added as they come', async () => {
      const [document] = library().documents;
      await fetched('libraryDeferredQuery', { id: document!.id });
      const variables = { id: document!.id };
      expect(await shown('libraryDeferredQuery', variables, 'library_text', (data) => data.document)).toEqual({
        text: `The text of ${document!.title}.`,
      });
      await fetched('libraryStreamedQuery', { first: 5 });
      const descriptor = createOperationDescriptor(await compiled('libraryStreamedQuery'), { first: 5 });
      const { documents } = environment.lookup(descriptor.fragment).data as any;
      expect(documents.edges.map(({ node }: any) => node.title)).toEqual(
        library()
          .documents.slice(0, 5)
          .map(({ title }) => title),
      );
      expect(documents.pageInfo).toMatchObject({ hasNextPage: true });
    });
  });
