/** Remembered facts in the vector store, whatever it is: found by meaning, apart from documents, of one model, and gone when they are. */
import { createRequire } from 'node:module';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import type { Embedder } from '#subgraphs/shared/ports.ts';
import type { Subgraph } from '#subgraphs/shared/subgraph.ts';
import { createInference } from '#subgraphs/inference/index.ts';

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are whatever was asked for */

// The same copy as the schema's: Vitest would load graphql's other one.
const { execute, parse } = createRequire(import.meta.url)('graphql') as typeof import('graphql');

/** A store under test, which several servers use. */
export interface FactStoreUnderTest extends AsyncDisposable {
  /** A server on it that embeds by this. */
  serve(embedder: Embedder): Promise<Subgraph>;
}

const FACTS: readonly [string, string][] = [
  ['retry policy', 'Requests are retried three times with exponential backoff.'],
  ['favourite editor', 'The user writes everything in vim.'],
  ['deployment window', 'Deploy on Tuesdays, never on Fridays.'],
  ['budget', 'The team may spend 400 euros a month on tokens.'],
  ['coffee', 'The user drinks two espressos before ten.'],
];
const factOf = (tenant: string, at: number) => `mem_${tenant}${at}`;

const INDEX = `mutation($kind: IndexedKind!, $documents: [IndexDocumentVectorsItem!]!) {
  indexDocumentVectors(input: { kind: $kind, documents: $documents }) { embedded kept removed documents { id } }
}`;
const REMOVE = `mutation($kind: IndexedKind!, $ids: [ID!]!) {
  removeDocumentVectors(input: { kind: $kind, documentIds: $ids }) { removed }
}`;
const NEAR = `query($query: String!, $minScore: Float, $where: SimilarMemoryFactFilter, $first: Int, $after: String) {
  similarMemoryFacts(query: $query, minScore: $minScore, where: $where, first: $first, after: $after) {
    approximate edges { score cursor node { id } } pageInfo { hasNextPage }
  }
}`;

/** @param user whose alone it is; everybody's where it is empty */
const asDocument = (id: string, key: string, value: string, user = '') => ({
  documentId: id,
  title: key,
  source: user,
  mediaType: '',
  chunks: [{ id, text: value }],
});

export function testVectorFacts(name: string, open: () => Promise<FactStoreUnderTest>): void {
  describe(`remembered facts, ${name}`, () => {
    let store: FactStoreUnderTest;
    let vector: Subgraph;
    /** The same store with another model. */
    let other: Subgraph;
    const models: { embedder: Embedder; close(): Promise<void> }[] = [];

    const as = (tenantId: string, system = false, subject = 'test', scopes: string[] = []): RequestContext =>
      createRequestContext({ tenantId, subject, roles: [], scopes, system });
    const ask = async (query: string, variables: object = {}, context = as('a', true), on = vector) => {
      const answer = await execute({
        schema: on.schema,
        document: parse(query),
        variableValues: variables as Record<string, unknown>,
        contextValue: context,
      });
      return answer as { data: any; errors?: { extensions: { code: string } }[] };
    };
    const dataOf = async (...given: Parameters<typeof ask>) => {
      const { data, errors } = await ask(...given);
      expect(errors).toBeUndefined();
      return data;
    };
    const near = async (query: string, more: object = {}, context = as('a'), on = vector): Promise<string[]> =>
      (await dataOf(NEAR, { query, ...more }, context, on)).similarMemoryFacts.edges.map(({ node }: any) => node.id);

    beforeAll(async () => {
      for (const embeddings of ['hashing-384-v1', 'static-384-v1'] as const) {
        const { provides, close } = await createInference({ embeddings }, { usageSink: undefined });
        models.push({ embedder: provides.embedder!, close });
      }
      store = await open();
      vector = await store.serve(models[0]!.embedder);
      for (const tenant of ['a', 'b']) {
        const documents = FACTS.map(([key, value], at) => asDocument(factOf(tenant, at), key, `${value} (${tenant})`));
        const { indexDocumentVectors: done } = await dataOf(
          INDEX,
          { kind: 'MEMORY_FACT', documents },
          as(tenant, true),
        );
        expect(done).toEqual({ embedded: FACTS.length, kept: 0, removed: 0, documents: [] });
        const document = asDocument(`doc_${tenant}`, 'Retries', 'Requests are retried three times.');
        await dataOf(INDEX, { kind: 'DOCUMENT', documents: [{ ...document, chunks: [{ id: `chk_${tenant}`, text: 'Requests are retried three times.' }] }] }, as(tenant, true)); // prettier-ignore
      }
    });
    afterAll(async () => {
      await vector?.close();
      await other?.close();
      await store?.[Symbol.asyncDispose]();
      for (const { close } of models) await close();
    });

    test('are found by key and value, the nearest first, in pages', async () => {
      expect((await near('how often are requests retried'))[0]).toBe(factOf('a', 0));
      // The value does not say it.
      expect((await near('coffee'))[0]).toBe(factOf('a', 4));
      const all = await near('the user');
      expect([...all].sort()).toEqual(FACTS.map((_, at) => factOf('a', at)));
      const paged: string[] = [];
      for (let after: string | undefined; ;) {
        const { similarMemoryFacts: page } = await dataOf(NEAR, { query: 'the user', first: 2, after }, as('a'));
        paged.push(...page.edges.map(({ node }: any) => node.id));
        if (!page.pageInfo.hasNextPage) break;
        after = page.edges.at(-1).cursor;
      }
      expect(paged).toEqual(all);
      const { similarMemoryFacts: best } = await dataOf(NEAR, { query: 'the user', first: 1 }, as('a'));
      expect(await near('the user', { minScore: best.edges[0].score - 1e-6 })).toEqual([all[0]]);
      expect(await near('"two espressos" user')).toEqual([factOf('a', 4)]);
    });

    test('are narrowed by ids before they are ranked', async () => {
      const [first, ...rest] = await near('the user');
      expect(await near('the user', { where: { id: { ne: first } } })).toEqual(rest);
      const two = [factOf('a', 2), factOf('a', 3)];
      expect((await near('the user', { where: { id: { in: two } } })).sort()).toEqual(two);
      expect(await near('the user', { where: { or: [{ id: { eq: two[0] } }, { id: { eq: 'mem_none' } }] } })).toEqual([two[0]]); // prettier-ignore
      expect(await near('the user', { where: { not: { id: { notIn: two } } } })).toHaveLength(2);
      expect(await near('the user', { where: { or: [] } })).toEqual([]);
    });

    test("are the tenant's own, and no documents", async () => {
      const theirs = [factOf('b', 0)];
      expect(await near('requests retried', { where: { id: { in: theirs } } })).toEqual([]);
      expect(await near('requests retried', { where: { id: { in: theirs } } }, as('b'))).toEqual(theirs);
      expect(await near('requests retried', {}, as('c'))).toEqual([]);
      for (const mode of ['VECTOR', 'KEYWORD', 'HYBRID']) {
        const query = `{ search(query: "requests retried espressos", mode: ${mode}) { nodes { id } } }`;
        expect((await dataOf(query, {}, as('a'))).search.nodes).toEqual([{ id: 'chk_a' }]);
      }
      const { removeDocumentVectors } = await dataOf(REMOVE, { kind: 'MEMORY_FACT', ids: theirs }, as('a', true));
      expect(removeDocumentVectors).toEqual({ removed: 0 });
      // What is the gateway's own is nobody else's.
      const { errors } = await ask(REMOVE, { kind: 'MEMORY_FACT', ids: theirs }, as('b'));
      expect(errors?.[0]?.extensions.code).toBe('FORBIDDEN');
    });

    test("of one user are ranked for him alone, and for whoever may see everybody's", async () => {
      // What has a meaning nobody else's has, and what is like everybody's: neither takes a place of theirs, nor is it counted.
      const users = ['ann', 'ben', "o'neil, müller\\", 'ANN', 'an'];
      const documents = users.map((user, at) => asDocument(`mem_u${at}`, 'the user', `The user ${user} likes figs from Smyrna.`, user)); // prettier-ignore
      await dataOf(INDEX, { kind: 'MEMORY_FACT', documents }, as('u', true));
      await dataOf(INDEX, { kind: 'MEMORY_FACT', documents: [asDocument('mem_all', 'the user', 'Nobody here likes figs.')] }, as('u', true)); // prettier-ignore
      const counted = 'query($q: String!) { similarMemoryFacts(query: $q, first: 1) { totalCount nodes { id } pageInfo { hasNextPage } } }'; // prettier-ignore
      for (const [at, user] of users.entries()) {
        const context = as('u', false, user);
        expect((await near('figs from Smyrna', {}, context)).sort()).toEqual(['mem_all', `mem_u${at}`]);
        expect((await dataOf(counted, { q: 'figs' }, context)).similarMemoryFacts.totalCount).toBe(2);
        const [other] = [`mem_u${(at + 1) % users.length}`];
        for (const where of [
          { id: { eq: other } },
          { or: [{ id: { eq: other } }] },
          { not: { id: { in: ['mem_all', `mem_u${at}`] } } },
        ])
          // prettier-ignore
          expect(await near('figs from Smyrna', { where }, context)).toEqual([]);
        expect(await near('"Smyrna"', {}, context)).toEqual([`mem_u${at}`]);
      }
      expect(await near('figs from Smyrna', {}, as('u', false, 'nobody'))).toEqual(['mem_all']);
      expect((await dataOf(counted, { q: 'figs' }, as('u', false, 'nobody'))).similarMemoryFacts).toEqual({ totalCount: 1, nodes: [{ id: 'mem_all' }], pageInfo: { hasNextPage: false } }); // prettier-ignore
      expect(await near('figs from Smyrna', {}, as('u', false, 'nobody', ['sessions:all', 'memory:write']))).toEqual(['mem_all']); // prettier-ignore
      expect(await near('figs from Smyrna', {}, as('u', false, 'helpdesk', ['memory:all']))).toHaveLength(6);
      expect(await near('figs from Smyrna', {}, as('a', false, 'ann'))).not.toContain('mem_u0');
      await dataOf(REMOVE, { kind: 'MEMORY_FACT', ids: [...users.map((_, at) => `mem_u${at}`), 'mem_all'] }, as('u', true)); // prettier-ignore
    });

    test('messages are apart from them, and ranked for their user alone, or for whoever may see everybody’s', async () => {
      const said = (id: string, text: string, user: string) => asDocument(id, '', text, user);
      const documents = [
        said('msg_m1', 'The ferry to Smyrna sails at noon.', 'ann'),
        said('msg_m2', 'The ferry to Smyrna sails at midnight.', 'ben'),
        said('msg_m3', 'Bring me two espressos.', 'ann'),
      ];
      await dataOf(INDEX, { kind: 'MESSAGE', documents }, as('u', true));
      const nearest = async (context: RequestContext, more: object = {}): Promise<string[]> =>
        (await dataOf(NEAR.replaceAll('MemoryFact', 'Message'), { query: 'ferry to Smyrna', ...more }, context)).similarMessages.edges.map(({ node }: any) => node.id); // prettier-ignore
      expect(await nearest(as('u', false, 'ann'))).toEqual(['msg_m1', 'msg_m3']);
      expect(await nearest(as('u', false, 'ben'))).toEqual(['msg_m2']);
      expect(await nearest(as('u', false, 'ben'), { where: { id: { in: ['msg_m1', 'msg_m3'] } } })).toEqual([]);
      expect(await nearest(as('u', false, 'ben'), { where: { or: [{ id: { eq: 'msg_m1' } }] } })).toEqual([]);
      expect(await nearest(as('u', false, ''))).toEqual([]);
      expect(await nearest(as('u', false, 'helpdesk', ['memory:all']))).toEqual([]);
      expect((await nearest(as('u', false, 'helpdesk', ['sessions:all']))).sort()).toEqual([
        'msg_m1',
        'msg_m2',
        'msg_m3',
      ]);
      expect(await nearest(as('a', false, 'ann'))).toEqual([]);
      expect(await near('ferry to Smyrna', {}, as('u', false, 'ann'))).toEqual([]);
      await dataOf(REMOVE, { kind: 'MESSAGE', ids: ['msg_m1'] }, as('u', true));
      expect(await nearest(as('u', false, 'ann'))).toEqual(['msg_m3']);
      await dataOf(REMOVE, { kind: 'MESSAGE', ids: ['msg_m2', 'msg_m3'] }, as('u', true));
    });

    test('change with their values, and are gone when they are removed, documents being left alone', async () => {
      const stored = async (kind: string) =>
        (await dataOf(`query($kind: IndexedKind!) { vectorDocuments(kind: $kind, first: 100) { ids } }`, { kind })).vectorDocuments.ids; // prettier-ignore
      const differing = async (documents: object[]) =>
        (await dataOf(`query($documents: [IndexDocumentVectorsItem!]!) { differingDocumentVectors(input: { kind: MEMORY_FACT, documents: $documents }) }`, { documents })).differingDocumentVectors; // prettier-ignore
      const [before, now] = ['Tea, not coffee.', 'Water alone.'].map((value) => asDocument('mem_a9', 'drink', value));
      expect(await differing([before!])).toEqual(['mem_a9']);
      await dataOf(INDEX, { kind: 'MEMORY_FACT', documents: [before] });
      expect(await differing([before!])).toEqual([]);
      expect(await differing([now!])).toEqual(['mem_a9']);
      expect(await near('"not coffee"')).toEqual(['mem_a9']);
      expect((await dataOf(INDEX, { kind: 'MEMORY_FACT', documents: [now] })).indexDocumentVectors).toMatchObject({ embedded: 1 }); // prettier-ignore
      expect((await dataOf(INDEX, { kind: 'MEMORY_FACT', documents: [now] })).indexDocumentVectors).toMatchObject({ kept: 1 }); // prettier-ignore
      expect(await near('"not coffee"')).toEqual([]);
      expect(await stored('MEMORY_FACT')).toContain('mem_a9');
      expect((await dataOf(REMOVE, { kind: 'MEMORY_FACT', ids: ['mem_a9'] })).removeDocumentVectors.removed).toBe(1);
      expect((await stored('MEMORY_FACT')).sort()).toEqual(FACTS.map((_, at) => factOf('a', at)));
      expect(await near('water alone')).not.toContain('mem_a9');
      expect(await stored('DOCUMENT')).toEqual(['doc_a']);
    });

    test('are never compared with vectors of another model, and embedded again with the documents', async () => {
      other = await store.serve(models[1]!.embedder);
      const refused = await ask(NEAR, { query: 'requests retried' }, as('a'), other);
      expect(refused.errors?.map(({ extensions }) => extensions.code)).toEqual(['CONFLICT']);
      let answer: any;
      let most = 0;
      do {
        ({ reindexVectors: answer } = await dataOf('mutation { reindexVectors { state was model done total } }', {}, as('a', true), other)); // prettier-ignore
        most = Math.max(most, answer.total);
      } while (answer.state !== 'DONE');
      // Whichever is done first, the other is looked for too.
      const { reindexVectors: left } = await dataOf('mutation { reindexVectors(look: true) { state was } }', {}, as('a', true), other); // prettier-ignore
      expect(left).toEqual({ state: 'DONE', was: null });
      for (const tenant of ['a', 'b']) {
        expect((await near('how often are requests retried', {}, as(tenant), other))[0]).toBe(factOf(tenant, 0));
        expect(await near('the user', {}, as(tenant), other)).toHaveLength(FACTS.length);
      }
      expect((await ask(NEAR, { query: 'x' }, as('a'))).errors?.[0]?.extensions.code).toBe('CONFLICT');
      // Two renewals, each as long as processes of the old model may still write.
    }, 90_000);
  });
}
