/** What any relational driver must do; called with each. */
import { numberOf, parseExactJson, writeJson } from '#subgraphs/shared/exact-number.ts';
import type { JsonValue } from '#subgraphs/shared/json.ts';
import { fc } from '#tests/setup/property.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import { chunkText } from '#subgraphs/relational/documents/chunking.ts';
import { checkDocument, withChunks, type TextDocumentInput } from '#subgraphs/relational/documents/input.ts';
import {
  STORES,
  type FacetsRequest,
  type OutboxClaim,
  type OutboxEntryRow,
  type RelationalDriver,
} from '#subgraphs/relational/driver.ts';
import { MODELS, type Model } from '#subgraphs/relational/models/columns.ts';
import { parseFilter, type FilterInput } from '#subgraphs/relational/models/filters.ts';
import { parseCursor, parseOrder, rowCursor } from '#subgraphs/relational/models/orders.ts';
import type { Order } from '#subgraphs/relational/models/sort.ts';

export interface RelationalUnderTest extends AsyncDisposable {
  driver: RelationalDriver;
}

const asUser = (tenantId: string, subject: string): RequestContext =>
  createRequestContext({ tenantId, subject, roles: [], scopes: [] });
const as = (tenantId: string): RequestContext => asUser(tenantId, `${tenantId}-user`);
const system = (): RequestContext =>
  createRequestContext({ tenantId: 'system', subject: 'system:test', roles: [], scopes: [], system: true });

const prepareDocument = (tenantId: string, input: TextDocumentInput) =>
  withChunks(checkDocument(tenantId, input), chunkText(input.text, input.mediaType));

const prepared = (tenantId: string, source: string, text: string, more: Partial<TextDocumentInput> = {}) =>
  prepareDocument(tenantId, { title: source, source, mediaType: 'text/markdown', text, ...more });

const paragraphs = (...names: string[]): string =>
  names.map((name) => `# ${name}\n\n${`All about ${name}. `.repeat(40)}`).join('\n\n');

export function relationalDriverContract(name: string, setUp: () => Promise<RelationalUnderTest>): void {
  describe(`a relational driver on ${name}`, () => {
    let under: RelationalUnderTest;
    let driver: RelationalDriver;
    beforeAll(async () => {
      under = await setUp();
      driver = under.driver;
    });
    afterAll(async () => {
      await under[Symbol.asyncDispose]();
    });

    let tenants = 0;
    const newTenant = (): string => `t${++tenants}`;
    const upsert = (tenantId: string, source: string, text: string, more?: Partial<TextDocumentInput>) =>
      driver.upsertDocuments(as(tenantId), [prepared(tenantId, source, text, more)]);
    const audits = async (tenantId: string) =>
      await driver.list(as(tenantId), 'AuditEntry', {
        where: undefined,
        order: parseOrder(MODELS.AuditEntry as Model, null),
        after: undefined,
        limit: 100,
      });
    const claim = (documentIds: string[], more: Partial<OutboxClaim> = {}): Promise<OutboxEntryRow[]> =>
      driver.claimOutbox(system(), {
        limit: 100,
        leaseSeconds: 60,
        stores: STORES,
        documentIds,
        content: { text: true, graph: true, chunks: true },
        ...more,
      });
    const states = async (tenantId: string, id: string) =>
      Object.fromEntries((await driver.indexing(as(tenantId), [id])).map(({ store, state }) => [store, state]));

    describe('what documents may be filtered by', () => {
      const request = { first: 20, values: 10, documents: 100, valueCharacters: 20 };
      const facets = (tenant: string, more: Partial<FacetsRequest> = {}, where?: FilterInput) =>
        driver.documentFacets(as(tenant), parseFilter(MODELS.Document as Model, where), { ...request, ...more });

      test('is counted: the commonest first, and each value of a list', async () => {
        const tenant = newTenant();
        await driver.upsertDocuments(as(tenant), [
          prepared(tenant, '1', 'x', {
            collection: 'notes',
            metadata: { team: 'red', tags: ['a', 'b', 'a'], year: 2026 },
          }),
          prepared(tenant, '2', 'x', {
            collection: 'notes',
            metadata: { team: 'red', tags: ['a'], year: 2025, ok: true },
          }),
          prepared(tenant, '3', 'x', {
            mediaType: 'text/plain',
            metadata: { team: 'Red', tags: 'a', nested: { deep: 1 } },
          }),
          prepared(tenant, '4', 'x', {
            metadata: { empty: null, tags: [], long: 'x'.repeat(21), edge: 'x'.repeat(20) },
          }),
          prepared(tenant, '5', 'x'),
        ]);
        const value = (of: JsonValue, count: number) => ({ value: of, count });
        expect(await facets(tenant)).toEqual({
          documents: 5,
          truncated: false,
          collections: [
            { name: 'default', count: 3 },
            { name: 'notes', count: 2 },
          ],
          mediaTypes: [
            { name: 'text/markdown', count: 4 },
            { name: 'text/plain', count: 1 },
          ],
          metadataKeys: [
            { key: 'tags', count: 4, values: [value('a', 3), value('b', 1)] },
            { key: 'team', count: 3, values: [value('red', 2), value('Red', 1)] },
            { key: 'year', count: 2, values: [value(2025, 1), value(2026, 1)] },
            { key: 'edge', count: 1, values: [value('x'.repeat(20), 1)] },
            { key: 'empty', count: 1, values: [] },
            { key: 'long', count: 1, values: [] },
            { key: 'nested', count: 1, values: [] },
            { key: 'ok', count: 1, values: [value(true, 1)] },
          ],
        });
        const some = await facets(tenant, { first: 1, values: 1 }, { collection: { eq: 'notes' } });
        expect(some).toEqual({
          documents: 2,
          truncated: false,
          collections: [{ name: 'notes', count: 2 }],
          mediaTypes: [{ name: 'text/markdown', count: 2 }],
          metadataKeys: [{ key: 'tags', count: 2, values: [value('a', 2)] }],
        });
        const nothing = { documents: 0, truncated: false, collections: [], mediaTypes: [], metadataKeys: [] };
        expect(await facets(newTenant())).toEqual(nothing);
        expect(await facets(tenant, {}, { title: { eq: 'none' } })).toEqual(nothing);
        expect(await facets(tenant, { documents: 3 })).toMatchObject({ documents: 3, truncated: true });
        expect(await facets(tenant, { documents: 5 })).toMatchObject({ documents: 5, truncated: false });
        expect((await facets(tenant, { first: 0 })).metadataKeys).toEqual([]);
        expect((await facets(tenant, { values: 0 })).metadataKeys[0]).toEqual({ key: 'tags', count: 4, values: [] });
      });

      test('keeps keys and values as they were written', async () => {
        const tenant = newTenant();
        const keys = [
          '',
          'a.b',
          '$x',
          '__proto__',
          'größe',
          '"quoted"',
          '😀',
          "'; DROP TABLE documents; --",
          'a b',
          'toString',
        ];
        const metadata = parseExactJson(
          `{${keys.map((key) => `${JSON.stringify(key)}: 12345678901234567890.5`).join()}}`,
        );
        await driver.upsertDocuments(as(tenant), [prepared(tenant, '1', 'x', { metadata: metadata as JsonValue })]);
        const { metadataKeys } = await facets(tenant);
        expect(metadataKeys.map(({ key }) => key).sort()).toEqual([...keys].sort());
        for (const { values } of metadataKeys)
          expect(writeJson(values)).toBe('[{"value":12345678901234567890.5,"count":1}]');
      });
    });

    describe('writing documents', () => {
      test('the row, its content, chunks, outbox and audit entry are there together', async () => {
        const tenant = newTenant();
        const document = prepared(tenant, 'a.md', paragraphs('one', 'two'), { metadata: { topic: 'x' } });
        await driver.upsertDocuments(as(tenant), [document]);
        const [row] = await driver.byIds(as(tenant), 'Document', [document.id]);
        expect(row).toMatchObject({
          id: document.id,
          source: 'a.md',
          contentHash: document.contentHash,
          metadata: { topic: 'x' },
          objectKey: `documents/${document.id}/a.md`,
        });
        expect(await driver.documentTexts(as(tenant), [document.id])).toEqual([
          { id: document.id, text: document.text },
        ]);
        const chunks = await driver.chunksOfDocuments(as(tenant), [document.id], { after: undefined, limit: 100 });
        expect(chunks).toEqual(document.chunks.map((chunk) => ({ ...chunk, documentId: document.id })));
        expect(await states(tenant, document.id)).toEqual({ OBJECT: 'PENDING', VECTOR: 'PENDING', GRAPH: 'PENDING' });
        expect((await audits(tenant)).map(({ action, subjectId, actor }) => ({ action, subjectId, actor }))).toEqual([
          { action: 'document.upsert', subjectId: document.id, actor: `${tenant}-user` },
        ]);
        expect(await driver.tenant(as(tenant))).toMatchObject({ id: tenant });
      });

      test('numbers that a double would change are kept', async () => {
        const tenant = newTenant();
        const { id } = prepared(tenant, 'a', '');
        const metadata = parseExactJson('{"big":9007199254740993,"price":1.10}') as JsonValue;
        await upsert(tenant, 'a', 'Text.', { metadata });
        const [document] = await driver.byIds(as(tenant), 'Document', [id]);
        expect(writeJson((document as { metadata?: unknown }).metadata)).toBe(writeJson(metadata));
        await upsert(tenant, 'a', 'Text.', { metadata: { big: 9007199254740992, price: numberOf('1.10') } });
        expect(await audits(tenant)).toHaveLength(2);
      });

      test('the same again changes nothing, whatever the order of keys', async () => {
        const tenant = newTenant();
        const { id } = prepared(tenant, 'a', '');
        await upsert(tenant, 'a', 'Text.', {
          metadata: { a: 1, b: { c: 2, d: 3 } },
          entities: [{ name: 'n', kind: 'k' }],
        });
        const [before] = await driver.byIds(as(tenant), 'Document', [id]);
        await driver.completeOutbox(system(), await claim([id]));
        await upsert(tenant, 'a', 'Text.', {
          metadata: { b: { d: 3, c: 2 }, a: 1 },
          entities: [{ name: 'n', kind: 'k', properties: {} }],
          relations: [],
        });
        expect(await driver.byIds(as(tenant), 'Document', [id])).toEqual([before]);
        expect(await states(tenant, id)).toEqual({ OBJECT: 'DONE', VECTOR: 'DONE', GRAPH: 'DONE' });
        expect(await audits(tenant)).toHaveLength(1);
      });

      test.each([
        ['text', { text: 'Other.' }],
        ['title', { title: 'Other' }],
        ['collection', { collection: 'notes' }],
        ['media type', { mediaType: 'text/plain' }],
        ['metadata', { metadata: { a: 2 } }],
        ['entities', { entities: [{ name: 'm', kind: 'k' }] }],
        ['relations', { relations: [{ from: { name: 'a', kind: 'k' }, to: { name: 'b', kind: 'k' }, type: 'KNOWS' }] }],
      ] as const)('another %s is delivered again', async (_, change) => {
        const tenant = newTenant();
        const input = { title: 'T', source: 's', mediaType: 'text/markdown', text: 'Text.' };
        const { id } = prepareDocument(tenant, input);
        await driver.upsertDocuments(as(tenant), [prepareDocument(tenant, input)]);
        await driver.completeOutbox(system(), await claim([id]));
        await driver.upsertDocuments(as(tenant), [prepareDocument(tenant, { ...input, ...(change as object) })]);
        expect(await states(tenant, id)).toEqual({ OBJECT: 'PENDING', VECTOR: 'PENDING', GRAPH: 'PENDING' });
      });

      test('chunks that stay keep their ids, and those that went are gone', async () => {
        const tenant = newTenant();
        const { id } = prepared(tenant, 'a', '');
        const chunks = async () => await driver.chunksOfDocuments(as(tenant), [id], { after: undefined, limit: 100 });
        await upsert(tenant, 'a', paragraphs('one', 'two', 'three'));
        const before = await chunks();
        await upsert(tenant, 'a', paragraphs('zero', 'one', 'three'));
        const after = await chunks();
        expect(after.map(({ index }) => index)).toEqual([0, 1, 2]);
        expect(after[1]).toEqual({ ...before[0], index: 1 });
        expect(after[2]).toEqual(before[2]);
        expect(await driver.byIds(as(tenant), 'Chunk', [before[1]!.id])).toEqual([]);
      });

      test('chunks are read by their places, each once, and those of the tenant alone', async () => {
        const tenant = newTenant();
        const { id } = prepared(tenant, 'a', '');
        await upsert(tenant, 'a', paragraphs('zero', 'one', 'two', 'three', 'four'));
        const places = [
          { documentId: id, first: 0, last: 1 },
          { documentId: id, first: 1, last: 2 },
          { documentId: id, first: 4, last: 90 },
          { documentId: 'doc_none', first: 0, last: 9 },
        ];
        const found = await driver.chunksAt(as(tenant), places);
        expect(found.map(({ index }) => index).sort()).toEqual([0, 1, 2, 4]);
        expect(await driver.chunksAt(as(newTenant()), places)).toEqual([]);
      });

      test('a batch is written whole, or not at all', async () => {
        const tenant = newTenant();
        const batch = ['c', 'a', 'b'].map((source) => prepared(tenant, source, `Text of ${source}.`));
        await driver.upsertDocuments(as(tenant), batch);
        expect(await driver.count(as(tenant), 'Document', undefined)).toBe(3);
        const broken = [prepared(tenant, 'd', 'fine'), { ...prepared(tenant, 'e', 'broken'), text: 'a\0b' }];
        await expect(driver.upsertDocuments(as(tenant), broken)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
        expect(await driver.count(as(tenant), 'Document', undefined)).toBe(3);
        expect(await audits(tenant)).toHaveLength(3);
      });

      test('writers of one new artifact, document or entry of the outbox at once all succeed', async () => {
        const tenant = newTenant();
        for (let round = 0; round < 100; round++) {
          const artifact = { runId: 'run_1', path: `${round}.txt`, mediaType: 'text/plain', fileKey: null };
          const made = await Promise.all(Array.from({ length: 10 }, () => driver.createArtifact(as(tenant), artifact)));
          expect(new Set(made.map(({ id }) => id)).size).toBe(1);
          const document = prepared(tenant, `${round}.md`, 'text');
          const entries = STORES.map((store) => ({ documentId: document.id, store, objectKey: 'documents/x' }));
          const redelivering = Array.from({ length: 4 }, () => driver.redeliver(as(tenant), entries));
          await Promise.all([
            ...Array.from({ length: 4 }, () => driver.upsertDocuments(as(tenant), [document])),
            ...redelivering,
          ]);
          expect(Object.keys(await states(tenant, document.id)).sort()).toEqual([...STORES].sort());
        }
      });

      test('writers of the same documents at once leave one of the states that they wrote', async () => {
        const tenant = newTenant();
        const sources = ['a', 'b', 'c', 'd'];
        const batch = (version: number) =>
          sources.map((source) => prepared(tenant, source, paragraphs(`${source}${version}`, source)));
        // Half of them name the documents the other way round, which must not make two of them wait for each other.
        await Promise.all(
          Array.from({ length: 12 }, (_, version) =>
            driver.upsertDocuments(as(tenant), version % 2 ? batch(version) : batch(version).reverse()),
          ),
        );
        const ids = batch(0).map(({ id }) => id);
        const texts = await driver.documentTexts(as(tenant), ids);
        const chunks = await driver.chunksOfDocuments(as(tenant), ids, { after: undefined, limit: 100 });
        const written = Array.from({ length: 12 }, (_, version) => batch(version)).flat();
        expect(texts).toHaveLength(4);
        for (const { id, text } of texts) {
          const source = written.find((document) => document.id === id && document.text === text);
          expect(chunks.filter(({ documentId }) => documentId === id)).toEqual(
            source?.chunks.map((chunk) => ({ ...chunk, documentId: id })),
          );
        }
      });

      test('removal leaves tombstones, and writing it again brings it back', async () => {
        const tenant = newTenant();
        const { id } = prepared(tenant, 'a', '');
        await upsert(tenant, 'a', paragraphs('one'));
        await driver.completeOutbox(system(), await claim([id]));
        expect((await driver.deleteDocument(as(tenant), id)).source).toBe('a');
        expect(await driver.byIds(as(tenant), 'Document', [id])).toEqual([]);
        expect(await driver.chunksOfDocuments(as(tenant), [id], { after: undefined, limit: 9 })).toEqual([]);
        expect(await driver.documentTexts(as(tenant), [id])).toEqual([]);
        await expect(driver.deleteDocument(as(tenant), id)).rejects.toMatchObject({ code: 'NOT_FOUND' });

        const tombstones = await claim([id]);
        expect(
          tombstones.map(({ store, operation, objectKey, content }) => ({ store, operation, objectKey, content })),
        ).toEqual(
          expect.arrayContaining(
            STORES.map((store) => ({ store, operation: 'DELETE', objectKey: `documents/${id}/a`, content: null })),
          ),
        );
        // Brought back while the deletion is on its way: the stores must end up with the document.
        await upsert(tenant, 'a', 'Back.');
        expect(await driver.completeOutbox(system(), tombstones)).toBe(0);
        const again = await claim([id]);
        expect(again.map(({ operation, content }) => [operation, content?.text])).toEqual(
          STORES.map(() => ['UPSERT', 'Back.']),
        );
        await driver.completeOutbox(system(), again);

        await driver.deleteDocument(as(tenant), id);
        expect(await driver.completeOutbox(system(), await claim([id]))).toBe(3);
        expect(await driver.indexing(as(tenant), [id])).toEqual([]);
        expect((await audits(tenant)).map(({ action }) => action).sort()).toEqual([
          'document.delete',
          'document.delete',
          'document.upsert',
          'document.upsert',
        ]);
      });
    });

    describe('remembered facts', () => {
      const remember = (tenant: string, key: string, value: string, agentId: string | null = null) =>
        driver.rememberFact(as(tenant), { agentId, key, value, source: null });
      const agentOf = (tenant: string) =>
        driver.createAgent(as(tenant), { name: 'a', description: null, instructions: null, model: null, config: {} });

      test('are delivered to the vector store, as one text under their own id, and are gone from there when forgotten', async () => {
        const [tenant, other] = [newTenant(), newTenant()];
        const fact = await remember(tenant, 'k', 'one');
        await remember(other, 'k', 'theirs');
        await remember(tenant, 'k', 'two');
        const [entry, ...more] = await claim([fact.id]);
        expect(more).toEqual([]);
        expect(entry).toMatchObject({ tenantId: tenant, store: 'VECTOR', operation: 'UPSERT', objectKey: null });
        expect(entry!.content).toMatchObject({ title: 'k', chunks: [{ id: fact.id, text: 'two' }], entities: [] });
        // Changed while it is on its way.
        await remember(tenant, 'k', 'three');
        expect(await driver.completeOutbox(system(), [entry!])).toBe(0);
        const [again] = await claim([fact.id]);
        expect(again!.content!.chunks).toMatchObject([{ text: 'three' }]);
        expect(await driver.completeOutbox(system(), [again!])).toBe(1);
        expect(await states(tenant, fact.id)).toEqual({ VECTOR: 'DONE' });
        const page = { after: null, limit: 100 };
        expect(await driver.referenceDocuments(as(tenant), page, 'DOCUMENT')).toEqual([]);
        const references = await driver.referenceDocuments(as(tenant), page, 'MEMORY_FACT');
        expect(references).toMatchObject([{ id: fact.id, delivered: ['VECTOR'], chunks: [{ text: 'three' }] }]);

        await driver.forgetFact(as(tenant), fact.id);
        const tombstones = await claim([fact.id]);
        expect(tombstones).toMatchObject([{ operation: 'DELETE', content: null }]);
        expect(await driver.knownDocuments(as(tenant), 'VECTOR', [fact.id])).toEqual([fact.id]);
        expect(await driver.completeOutbox(system(), tombstones)).toBe(1);
        expect(await driver.knownDocuments(as(tenant), 'VECTOR', [fact.id])).toEqual([]);
        expect(await driver.indexing(as(tenant), [fact.id])).toEqual([]);
      });

      test('of all users go with their agent, whoever deletes it, and leave the vector store', async () => {
        const tenant = newTenant();
        const agent = await agentOf(tenant);
        const facts = await Promise.all(
          ['ann', 'ben', null].map(
            (userId) =>
            driver.rememberFact(asUser(tenant, userId ?? 'carl'), { agentId: agent.id, userId, key: 'k', value: 'v', source: null }), // prettier-ignore
          ),
        );
        const ids = facts.map(({ id }) => id);
        expect(new Set(ids).size).toBe(3);
        const delivered = await claim(ids);
        expect(delivered.map(({ content }) => content!.source).sort()).toEqual(['', 'ann', 'ben']);
        await driver.completeOutbox(system(), delivered);
        expect(await driver.knownDocuments(asUser(tenant, 'ben'), 'VECTOR', ids)).toEqual(expect.arrayContaining(ids));
        await driver.deleteAgent(asUser(tenant, 'carl'), agent.id);
        const order = parseOrder(MODELS.MemoryFact as Model, []);
        for (const user of ['ann', 'ben'])
          expect(await driver.list(asUser(tenant, user), 'MemoryFact', { where: undefined, order, after: undefined, limit: 100 })).toEqual([]); // prettier-ignore
        const gone = await claim(ids);
        expect(gone.map(({ operation }) => operation)).toEqual(['DELETE', 'DELETE', 'DELETE']);
      });

      test('go with their agent, those of others stay, and one that was remembered meanwhile goes too', async () => {
        const tenant = newTenant();
        const [gone, stays] = [await agentOf(tenant), await agentOf(tenant)];
        const facts = await Promise.all(
          Array.from({ length: 9 }, (_, at) => remember(tenant, `k${at}`, 'v', [gone.id, stays.id, null][at % 3])),
        );
        const ids = facts.map(({ id }) => id);
        await driver.completeOutbox(system(), await claim(ids));
        // Whoever comes first: what is remembered for an agent that goes is refused, or goes with it.
        const [, ...late] = await Promise.allSettled([
          driver.deleteAgent(as(tenant), gone.id),
          ...Array.from({ length: 8 }, (_, at) => remember(tenant, `late${at}`, 'v', gone.id)),
        ]);
        for (const each of late)
          if (each.status === 'fulfilled') ids.push(each.value.id);
          else expect(each.reason).toMatchObject({ code: 'NOT_FOUND' });
        const left = await driver.list(as(tenant), 'MemoryFact', { where: undefined, order: parseOrder(MODELS.MemoryFact as Model, []), after: undefined, limit: 100 }); // prettier-ignore
        expect(left.map(({ id }) => id).sort()).toEqual(facts.filter(({ agentId }) => agentId !== gone.id).map(({ id }) => id).sort()); // prettier-ignore
        const entries = await claim(ids);
        expect(entries.map(({ documentId, operation }) => `${operation} ${documentId}`).sort()).toEqual(
          ids.filter((id) => !left.some((fact) => fact.id === id)).map((id) => `DELETE ${id}`).sort(), // prettier-ignore
        );
        // Forgetting and deleting at once: one of them is first, and neither waits for ever.
        const fact = await remember(tenant, 'k', 'v', stays.id);
        const both = await Promise.allSettled([
          driver.forgetFact(as(tenant), fact.id),
          driver.deleteAgent(as(tenant), stays.id),
        ]);
        expect(both[1]).toMatchObject({ status: 'fulfilled' });
        expect(await claim([fact.id])).toMatchObject([{ operation: 'DELETE' }]);
      });

      describe('hold from and until when their writers said', () => {
        const order = parseOrder(MODELS.MemoryFact as Model, []);
        const listed = async (tenant: string, filter?: FilterInput): Promise<string[]> => {
          const where = parseFilter(MODELS.MemoryFact as Model, filter);
          const rows = await driver.list(as(tenant), 'MemoryFact', { where, order, after: undefined, limit: 100 });
          expect(await driver.count(as(tenant), 'MemoryFact', where)).toBe(rows.length);
          return rows.map(({ key }) => key).sort();
        };
        const past = new Date(Date.now() - 60_000);
        const future = new Date(Date.now() + 3_600_000);

        test('which filters ask for, and remembering a key again says anew', async () => {
          const tenant = newTenant();
          for (const [key, validFrom, validUntil] of [
            ['always', null, null],
            ['lapsed', null, past],
            ['still', past, future],
            ['later', future, null],
          ] as const)
            await driver.rememberFact(as(tenant), { agentId: null, key, value: '', source: null, validFrom, validUntil, runId: 'run_1' }); // prettier-ignore
          const now = new Date().toISOString();
          const holding = { or: [{ validUntil: { isNull: true } }, { validUntil: { gt: now } }] };
          expect(await listed(tenant)).toEqual(['always', 'lapsed', 'later', 'still']);
          expect(await listed(tenant, holding)).toEqual(['always', 'later', 'still']);
          expect(await listed(tenant, { and: [holding, { not: { validFrom: { gt: now } } }] })).toEqual(['always', 'still']); // prettier-ignore
          expect(await listed(tenant, { validUntil: { lte: now } })).toEqual(['lapsed']);
          expect(await listed(tenant, { runId: { eq: 'run_1' }, validFrom: { lt: now } })).toEqual(['still']);
          const again = await remember(tenant, 'lapsed', '');
          expect(again).toMatchObject({ validUntil: null, runId: null });
          expect(await listed(tenant, holding)).toEqual(['always', 'lapsed', 'later', 'still']);
        });

        test('what another takes the place of holds no longer, is led to, and is forgotten by itself', async () => {
          const [tenant, other] = [newTenant(), newTenant()];
          const supersede = (key: string, supersedesId: string, more: { validFrom?: Date } = {}, of = tenant) =>
            driver.rememberFact(as(of), { agentId: null, key, value: '', source: null, supersedesId, ...more });
          const [first, planned] = [await remember(tenant, 'first', 'one'), await remember(tenant, 'planned', 'p')];
          const second = await supersede('second', first.id);
          expect(second.supersedesId).toBe(first.id);
          const [before] = await driver.byIds(as(tenant), 'MemoryFact', [first.id]);
          expect(before!.value).toBe('one');
          expect(before!.validUntil!.getTime()).toBeLessThanOrEqual(second.createdAt.getTime());
          // Until the other begins.
          await supersede('from then on', planned.id, { validFrom: future });
          expect((await driver.byIds(as(tenant), 'MemoryFact', [planned.id]))[0]!.validUntil).toEqual(future);
          expect(await listed(tenant)).toEqual(['first', 'from then on', 'planned', 'second']);
          expect(await listed(tenant, { supersedesId: { eq: first.id } })).toEqual(['second']);
          // Another value of the later one keeps what it came after.
          expect((await remember(tenant, 'second', 'two')).supersedesId).toBe(first.id);
          for (const [id, of] of [
            [first.id, other],
            ['mem_nowhere', tenant],
          ] as const)
            await expect(supersede('x', id, {}, of)).rejects.toMatchObject({ code: 'NOT_FOUND' });
          expect(await listed(other)).toEqual([]);
          await driver.forgetFact(as(tenant), first.id);
          expect(await driver.byIds(as(tenant), 'MemoryFact', [first.id])).toEqual([]);
          expect(await listed(tenant)).toEqual(['from then on', 'planned', 'second']);
          // Each of two takes the place of the other, at once: one does.
          const [a, b] = [await remember(tenant, 'a', ''), await remember(tenant, 'b', '')];
          const done = await Promise.allSettled([supersede('a', b.id), supersede('b', a.id)]);
          expect(done.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
          expect(done.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'CONFLICT' } });
        });

        test('what another has taken the place of is kept as it was, until one of both is forgotten', async () => {
          const tenant = newTenant();
          const supersede = (key: string, supersedesId: string) =>
            driver.rememberFact(as(tenant), { agentId: null, key, value: '', source: null, supersedesId });
          const first = await remember(tenant, 'first', 'one');
          const second = await supersede('second', first.id);
          const third = await supersede('third', second.id);
          const told = { code: 'CONFLICT', message: expect.stringContaining('"second"') as unknown, extensions: { supersededBy: second.id } }; // prettier-ignore
          await expect(remember(tenant, 'first', 'anew')).rejects.toMatchObject(told);
          // Else both would hold in its place.
          await expect(supersede('another', first.id)).rejects.toMatchObject(told);
          // Else each would have come before the other.
          await expect(supersede('first', third.id)).rejects.toMatchObject(told);
          expect((await driver.byIds(as(tenant), 'MemoryFact', [first.id]))[0]!.value).toBe('one');
          expect((await remember(tenant, 'third', 'three')).supersedesId).toBe(second.id);
          await driver.forgetFact(as(tenant), second.id);
          expect((await remember(tenant, 'first', 'anew')).validUntil).toBeNull();
        });
      });

      test('are delivered again where they are, and as deletions where they are not', async () => {
        const tenant = newTenant();
        const { id } = await remember(tenant, 'k', 'v');
        await driver.completeOutbox(system(), await claim([id]));
        const entry = (documentId: string) => ({ documentId, store: 'VECTOR' as const, objectKey: null });
        const nowhere = `mem_nowhere${tenant}`;
        expect(await driver.redeliver(as(tenant), [entry(id), entry(nowhere)])).toBe(2);
        const entries = await claim([id, nowhere]);
        expect(new Map(entries.map(({ documentId, operation }) => [documentId, operation]))).toEqual(
          new Map([
            [id, 'UPSERT'],
            [nowhere, 'DELETE'],
          ]),
        );
        await driver.completeOutbox(system(), entries);
        expect(await states(tenant, id)).toEqual({ VECTOR: 'DONE' });
      });
    });

    describe('cutting again', () => {
      const text = paragraphs('one', 'two');
      /** Written by a server that cut it otherwise, and delivered. */
      const writtenOtherwise = async (tenant: string, source: string, chunks = ['Everything in one.']) => {
        const document = withChunks({ ...checkDocument(tenant, { title: source, source, mediaType: 'text/markdown', text }), cutting: '1', digest: `old ${source}` }, chunks); // prettier-ignore
        await driver.upsertDocuments(as(tenant), [document]);
        await driver.completeOutbox(system(), await claim([document.id]));
        return document;
      };
      const otherwise = async (tenantId: string | undefined, cutting: string, limit = 100) => {
        const all: string[] = [];
        for (let after: readonly [string, string, string] | undefined; ;) {
          const page = await driver.cutOtherwise(system(), { cutting, tenantId, after, limit });
          all.push(...page.map((document) => `${document.cutting}/${document.tenantId}/${document.id}`));
          const last = page.at(-1);
          if (last === undefined || page.length < limit) return all;
          after = [last.cutting, last.tenantId, last.id];
        }
      };
      const today = (tenant: string, source: string) => prepared(tenant, source, text);

      test('finds what was cut otherwise, of all tenants or of one, in pages of any size', async () => {
        const [a, b] = [newTenant(), newTenant()];
        const old = [await writtenOtherwise(a, 'x'), await writtenOtherwise(a, 'y'), await writtenOtherwise(b, 'z')];
        await upsert(a, 'new', text);
        const { cutting } = today(a, 'new');
        const expected = [a, a, b].map((tenant, index) => `1/${tenant}/${old[index]!.id}`).sort();
        for (const limit of [1, 2, 100]) {
          expect((await otherwise(undefined, cutting, limit)).sort()).toEqual(expect.arrayContaining(expected));
          expect((await otherwise(a, cutting, limit)).sort()).toEqual(
            expected.filter((each) => each.startsWith(`1/${a}/`)),
          );
          // A server that cuts as the old one did finds the others.
          expect(await otherwise(a, '1', limit)).toEqual([`${cutting}/${a}/${today(a, 'new').id}`]);
        }
        await expect(
          driver.cutOtherwise(as(a), { cutting, tenantId: b, after: undefined, limit: 1 }),
        ).rejects.toMatchObject({ code: 'FORBIDDEN' });
        expect(await driver.documentsToCut(as(b), [old[0]!.id])).toEqual([]);
        expect(await driver.recut(as(b), [{ was: 'old x', document: today(a, 'x') }])).toEqual([]);
        expect(await otherwise(a, cutting)).toHaveLength(2);
      });

      test('changes the chunks alone, has them delivered to the vector store, and leaves an entry in the log', async () => {
        const tenant = newTenant();
        const { id } = await writtenOtherwise(tenant, 'x');
        const [before] = await driver.byIds(as(tenant), 'Document', [id]);
        const [given] = await driver.documentsToCut(as(tenant), [id]);
        expect(given).toEqual({
          id,
          was: 'old x',
          title: 'x',
          source: 'x',
          collection: 'default',
          mediaType: 'text/markdown',
          text,
          metadata: {},
          entities: [],
          relations: [],
        });
        const document = today(tenant, 'x');
        expect(await driver.recut(as(tenant), [{ was: 'old x', document }])).toEqual([{ id, changed: true }]);
        expect(await driver.byIds(as(tenant), 'Document', [id])).toEqual([before]);
        const chunks = await driver.chunksOfDocuments(as(tenant), [id], { after: undefined, limit: 99 });
        expect(chunks.map((chunk) => chunk.text)).toEqual(document.chunks.map((chunk) => chunk.text));
        expect(await states(tenant, id)).toEqual({ OBJECT: 'DONE', VECTOR: 'PENDING', GRAPH: 'DONE' });
        expect((await audits(tenant)).map(({ action }) => action).sort()).toEqual([
          'document.recut',
          'document.upsert',
        ]);
        expect(await otherwise(tenant, document.cutting)).toEqual([]);
        // Writing the same again changes nothing: it is cut as today.
        await driver.completeOutbox(system(), await claim([id]));
        await upsert(tenant, 'x', text);
        expect(await states(tenant, id)).toEqual({ OBJECT: 'DONE', VECTOR: 'DONE', GRAPH: 'DONE' });
      });

      test('delivers nothing where the chunks stay as they were', async () => {
        const tenant = newTenant();
        const document = today(tenant, 'x');
        const { id } = await writtenOtherwise(
          tenant,
          'x',
          document.chunks.map((chunk) => chunk.text),
        );
        expect(await driver.recut(as(tenant), [{ was: 'old x', document }])).toEqual([{ id, changed: false }]);
        expect(await states(tenant, id)).toEqual({ OBJECT: 'DONE', VECTOR: 'DONE', GRAPH: 'DONE' });
        expect(await audits(tenant)).toHaveLength(1);
        expect(await otherwise(tenant, document.cutting)).toEqual([]);
      });

      test('yields to whoever wrote or removed the document meanwhile', async () => {
        const tenant = newTenant();
        const [written, removed] = [await writtenOtherwise(tenant, 'x'), await writtenOtherwise(tenant, 'y')];
        await upsert(tenant, 'x', 'Another text.');
        await driver.deleteDocument(as(tenant), removed.id);
        const documents = ['x', 'y'].map((source) => ({ was: `old ${source}`, document: today(tenant, source) }));
        expect(await driver.recut(as(tenant), documents)).toEqual([]);
        const chunks = await driver.chunksOfDocuments(as(tenant), [written.id], { after: undefined, limit: 9 });
        expect(chunks.map((chunk) => chunk.text)).toEqual(['Another text.']);
      });

      test('at once with writers: the last text of the writer stands, with its own chunks, and nobody waits for ever', async () => {
        const tenant = newTenant();
        const sources = Array.from({ length: 8 }, (_, index) => `s${index}`);
        const old = await Promise.all(sources.map((source) => writtenOtherwise(tenant, source)));
        const recuts = sources.map((source) => ({ was: `old ${source}`, document: today(tenant, source) }));
        await Promise.all([
          driver.recut(as(tenant), recuts),
          driver.upsertDocuments(
            as(tenant),
            [...sources].reverse().map((source) => prepared(tenant, source, `Mine: ${source}.`)),
          ),
          driver.recut(as(tenant), [...recuts].reverse()),
        ]);
        for (const [index, { id }] of old.entries()) {
          const chunks = await driver.chunksOfDocuments(as(tenant), [id], { after: undefined, limit: 99 });
          expect(chunks.map((chunk) => chunk.text)).toEqual([`Mine: s${index}.`]);
        }
      });
    });

    describe('the outbox', () => {
      test('hands out what a document is now, of all tenants, once', async () => {
        const [a, b] = [newTenant(), newTenant()];
        const documents = [a, b].map((tenant) =>
          prepared(tenant, 's', paragraphs('one', 'two'), {
            metadata: { of: tenant },
            entities: [{ name: 'n', kind: 'k', properties: { x: 1 } }],
            relations: [
              { from: { name: 'n', kind: 'k' }, to: { name: 'm', kind: 'k' }, type: 'KNOWS', properties: { since: 1 } },
            ],
          }),
        );
        await driver.upsertDocuments(as(a), [documents[0]!]);
        await driver.upsertDocuments(as(b), [documents[1]!]);
        const ids = documents.map(({ id }) => id);
        const context = system();
        const entries = await driver.claimOutbox(context, {
          limit: 100,
          leaseSeconds: 60,
          stores: STORES,
          documentIds: ids,
          content: { text: true, graph: true, chunks: true },
        });
        expect(context.statements.counts()).toEqual({ postgres: 4 });
        expect(entries).toHaveLength(6);
        for (const [index, document] of documents.entries()) {
          const tenantId = [a, b][index];
          const mine = entries.filter((entry) => entry.documentId === document.id);
          expect(mine.map(({ store }) => store).sort()).toEqual([...STORES].sort());
          for (const entry of mine) {
            expect(entry).toMatchObject({
              tenantId,
              operation: 'UPSERT',
              attempts: 1,
              objectKey: document.objectKey,
              content: {
                title: 's',
                text: document.text,
                metadata: { of: tenantId },
                entities: [{ name: 'n', kind: 'k', properties: { x: 1 } }],
                relations: [
                  {
                    from: { name: 'n', kind: 'k' },
                    to: { name: 'm', kind: 'k' },
                    type: 'KNOWS',
                    properties: { since: 1 },
                  },
                ],
                chunks: document.chunks.map((chunk) => ({ ...chunk, documentId: document.id })),
              },
            });
          }
        }
        expect(await claim(ids)).toEqual([]);
        expect(await driver.completeOutbox(system(), entries)).toBe(6);
        expect(await claim(ids)).toEqual([]);
      });

      test("what one tenant says of another's document moves nothing of his", async () => {
        const [owner, other] = [newTenant(), newTenant()];
        const document = prepared(owner, 's', 'Text.');
        await driver.upsertDocuments(as(owner), [document]);
        await driver.completeOutbox(system(), await claim([document.id]));
        // As where the other wrote vectors under its id, and stores are reconciled: an entry of the same id.
        expect(await driver.redeliver(as(other), [{ documentId: document.id, store: 'VECTOR', objectKey: null }])).toBe(
          1,
        );
        const entries = await claim([document.id]);
        expect(entries).toMatchObject([{ tenantId: other, store: 'VECTOR', operation: 'DELETE', content: null }]);
        expect(
          await driver.failOutbox(system(), [{ ...entries[0]!, error: 'x', disabled: false, retryInSeconds: 0 }]),
        ).toBe(1);
        const again = await claim([document.id]);
        expect(again).toMatchObject([{ tenantId: other, attempts: 2 }]);
        expect(await driver.completeOutbox(system(), again)).toBe(1);
        expect(await claim([document.id])).toEqual([]);
      });

      test('claimers at once share the entries out', async () => {
        const tenant = newTenant();
        const documents = Array.from({ length: 20 }, (_, index) => prepared(tenant, `s${index}`, 'Text.'));
        await driver.upsertDocuments(as(tenant), documents);
        const ids = documents.map(({ id }) => id);
        const shares = await Promise.all(Array.from({ length: 8 }, () => claim(ids, { limit: 10 })));
        const claimed = shares.flat().map(({ id }) => id);
        expect(new Set(claimed).size).toBe(claimed.length);
        expect(claimed.length + (await claim(ids)).length).toBe(60);
      });

      test('only the stores and the content that are asked for', async () => {
        const tenant = newTenant();
        const { id } = prepared(tenant, 'a', '');
        await upsert(tenant, 'a', 'Text.');
        const [entry, ...others] = await claim([id], {
          stores: ['VECTOR'],
          content: { text: false, graph: false, chunks: true },
        });
        expect(others).toEqual([]);
        expect(entry).toMatchObject({
          store: 'VECTOR',
          content: { title: 'a', text: '', entities: [], chunks: [{ text: 'Text.' }] },
        });
      });

      test('an upsert during a delivery waits for the lease, and the older completion does not settle it', async () => {
        const tenant = newTenant();
        const { id } = prepared(tenant, 'a', '');
        await upsert(tenant, 'a', 'Old.');
        const old = await claim([id]);
        await upsert(tenant, 'a', 'New.');
        // The older delivery is still under way: nobody may overtake it.
        expect(await claim([id])).toEqual([]);
        expect(await driver.completeOutbox(system(), old)).toBe(0);
        expect(await states(tenant, id)).toEqual({ OBJECT: 'PENDING', VECTOR: 'PENDING', GRAPH: 'PENDING' });
        const fresh = await claim([id]);
        expect(fresh.map(({ content, attempts }) => [content?.text, attempts])).toEqual(STORES.map(() => ['New.', 1]));
        expect(await driver.completeOutbox(system(), fresh)).toBe(3);
        // A straggler of the older revision may have written last: everything is delivered once more.
        expect(await driver.completeOutbox(system(), old)).toBe(0);
        expect((await claim([id])).map(({ content }) => content?.text)).toEqual(STORES.map(() => 'New.'));
      });

      test('an expired lease is due again, and the straggler does not end the lease of its successor', async () => {
        const tenant = newTenant();
        const { id } = prepared(tenant, 'a', '');
        await upsert(tenant, 'a', 'Old.');
        const first = await claim([id], { leaseSeconds: 0 });
        await upsert(tenant, 'a', 'New.');
        const second = await claim([id], { leaseSeconds: 60 });
        expect(second.map(({ content }) => content?.text)).toEqual(STORES.map(() => 'New.'));
        expect(
          await driver.failOutbox(
            system(),
            first.map((entry) => ({ ...entry, error: 'late', disabled: false, retryInSeconds: 0 })),
          ),
        ).toBe(0);
        expect(await claim([id])).toEqual([]);
        expect(await driver.completeOutbox(system(), second)).toBe(3);
      });

      test('a failure is shown, counted, and due again after its delay', async () => {
        const tenant = newTenant();
        const { id } = prepared(tenant, 'a', '');
        await upsert(tenant, 'a', 'Text.');
        const fail = async (retryInSeconds: number, more: Partial<OutboxClaim> = {}) =>
          await driver.failOutbox(
            system(),
            (await claim([id], more)).map((entry) => ({
              id: entry.id,
              revision: entry.revision,
              error: `no ${entry.store}`,
              disabled: entry.store === 'GRAPH',
              retryInSeconds,
            })),
          );
        expect(await fail(0)).toBe(3);
        expect(await driver.indexing(as(tenant), [id])).toMatchObject([
          { store: 'OBJECT', state: 'FAILED', error: 'no OBJECT', attempts: 1 },
          { store: 'VECTOR', state: 'FAILED', error: 'no VECTOR', attempts: 1 },
          { store: 'GRAPH', state: 'DISABLED', error: 'no GRAPH', attempts: 1 },
        ]);
        expect(await fail(1000)).toBe(3);
        expect(await claim([id])).toEqual([]);
        // What was found off may be on for a process that has started since.
        expect(await claim([id], { disabledForSeconds: 1000 })).toEqual([]);
        expect(await fail(1000, { disabledForSeconds: 0 })).toBe(1);
        // A new revision is due at once.
        await upsert(tenant, 'a', 'Changed.');
        expect((await claim([id])).map(({ attempts }) => attempts)).toEqual([1, 1, 1]);
        expect(await states(tenant, id)).toEqual({ OBJECT: 'PENDING', VECTOR: 'PENDING', GRAPH: 'PENDING' });
      });

      test('its state is told, and it is for the system alone', async () => {
        const before = await driver.outboxStatus(system());
        const tenant = newTenant();
        await upsert(tenant, 'a', 'Text.');
        const after = await driver.outboxStatus(system());
        expect(after.pending).toBe(before.pending + 3);
        expect(after.oldestPendingSeconds).toBeGreaterThanOrEqual(0);
        const settled = [{ id: 'obx_1', revision: 1, error: '', disabled: false, retryInSeconds: 1 }];
        for (const attempt of [
          () => driver.outboxStatus(as(tenant)),
          () => driver.completeOutbox(as(tenant), settled),
          () => driver.failOutbox(as(tenant), settled),
          () =>
            driver.claimOutbox(as(tenant), {
              limit: 1,
              leaseSeconds: 1,
              stores: STORES,
              content: { text: true, graph: true, chunks: true },
            }),
        ]) {
          await expect(attempt()).rejects.toMatchObject({ code: 'FORBIDDEN' });
        }
      });
    });

    describe('lists', () => {
      const fields = ['key', 'source', 'createdAt', 'updatedAt'] as const;
      const anyOrder: fc.Arbitrary<Order[]> = fc
        .uniqueArray(
          fc.record({ field: fc.constantFrom(...fields), direction: fc.constantFrom('ASC' as const, 'DESC' as const) }),
          {
            selector: ({ field }) => field,
            maxLength: 3,
          },
        )
        .map((order) => order);
      const anyFact = fc.record({
        key: fc.stringMatching(/^[ab%é😀]{1,3}$/u),
        source: fc.option(fc.constantFrom('user', 'User', 'web', 'ü', '\u{10FFFF}')),
      });
      const model = MODELS.MemoryFact as Model;

      test('pages in any order of several fields, with nulls, hold every row once while rows are added', async () => {
        await fc.assert(
          fc.asyncProperty(
            fc.array(anyFact, { minLength: 1, maxLength: 14 }),
            fc.array(anyFact, { maxLength: 8 }),
            anyOrder,
            fc.integer({ min: 1, max: 4 }),
            async (facts, later, orderBy, size) => {
              const context = as(newTenant());
              const remember = async (fact: { key: string; source: string | null }) =>
                await driver.rememberFact(context, { agentId: null, value: '', ...fact });
              const initial = new Map<string, string>();
              for (const fact of facts) {
                const row = await remember(fact);
                initial.set(row.key, row.id);
              }
              const order = parseOrder(model, orderBy);
              const all = (
                await driver.list(context, 'MemoryFact', { where: undefined, order, after: undefined, limit: 100 })
              ).map(({ id }) => id);
              expect(new Set(all)).toEqual(new Set(initial.values()));

              const seen: string[] = [];
              const cursors: string[] = [];
              let after: string | undefined;
              // Added once each: a row that is changed meanwhile may move, and be met again.
              const additions = [
                ...new Map(later.filter(({ key }) => !initial.has(key)).map((fact) => [fact.key, fact])).values(),
              ];
              for (;;) {
                const page = await driver.list(context, 'MemoryFact', {
                  where: undefined,
                  order,
                  after: after === undefined ? undefined : parseCursor(model, order, after),
                  limit: size,
                });
                seen.push(...page.map(({ id }) => id));
                cursors.push(...page.map((row) => rowCursor(model, order, row)));
                if (page.length < size) break;
                after = cursors.at(-1);
                const addition = additions.pop();
                if (addition !== undefined) await remember(addition);
              }
              expect(new Set(seen).size).toBe(seen.length);
              expect(seen.filter((id) => all.includes(id))).toEqual(all);
            },
          ),
          { numRuns: 60 },
        );
      }, 120_000);

      test('the order is by code point, nulls largest, then by id', async () => {
        const context = as(newTenant());
        for (const [index, source] of ['b', null, 'B', 'é', '😀', '\uFFFD', null, 'a'].entries()) {
          await driver.rememberFact(context, { agentId: null, key: `k${index}`, value: '', source });
        }
        const sources = async (direction: 'ASC' | 'DESC') =>
          (
            await driver.list(context, 'MemoryFact', {
              where: undefined,
              order: parseOrder(model, [{ field: 'source', direction }]),
              after: undefined,
              limit: 100,
            })
          ).map(({ source }) => source);
        const expected = ['B', 'a', 'b', 'é', '\uFFFD', '😀', null, null];
        expect(await sources('ASC')).toEqual(expected);
        expect(await sources('DESC')).toEqual(expected.reverse());
      });
    });

    describe('two tenants', () => {
      test("neither sees, changes or removes what is the other's", async () => {
        const [a, b] = [newTenant(), newTenant()];
        const document = prepared(a, 'same', paragraphs('secret'));
        await driver.upsertDocuments(as(a), [document]);
        const agent = await driver.createAgent(as(a), {
          name: 'x',
          description: null,
          instructions: 'secret',
          model: null,
          config: {},
        });
        const fact = await driver.rememberFact(as(a), { agentId: agent.id, key: 'k', value: 'secret', source: null });
        const artifact = await driver.createArtifact(as(a), {
          runId: 'run_1',
          path: 'p',
          mediaType: 'text/plain',
          fileKey: null,
        });
        const usage = await driver.recordUsage(
          as(a),
          { operation: 'EMBED', provider: 'p', model: 'm', inputTokens: 1, outputTokens: 0, estimated: false },
          { audit: true },
        );
        const audit = await audits(a);
        expect(audit).toHaveLength(5);

        const ids = {
          Document: document.id,
          Chunk: document.chunks[0]!.id,
          Agent: agent.id,
          MemoryFact: fact.id,
          Artifact: artifact.id,
          UsageRecord: usage.id,
          AuditEntry: audit[0]!.id,
        };
        for (const [model, id] of Object.entries(ids) as [keyof typeof ids, string][]) {
          expect(await driver.byIds(as(a), model, [id]), model).toHaveLength(1);
          expect(await driver.byIds(as(b), model, [id]), model).toEqual([]);
          expect(
            await driver.count(as(b), model, { kind: 'compare', column: 'id', operator: '=', value: id }),
            model,
          ).toBe(0);
        }
        expect(await driver.documentTexts(as(b), [document.id])).toEqual([]);
        expect(await driver.chunksOfDocuments(as(b), [document.id], { after: undefined, limit: 9 })).toEqual([]);
        expect(await driver.versionsOfAgents(as(b), [agent.id], { after: undefined, limit: 9 })).toEqual([]);
        expect(await driver.indexing(as(b), [document.id])).toEqual([]);
        expect(await driver.tenant(as(b))).toBeUndefined();

        for (const attempt of [
          () => driver.deleteDocument(as(b), document.id),
          () => driver.deleteAgent(as(b), agent.id),
          () => driver.updateAgent(as(b), agent.id, { name: 'mine' }),
          () => driver.forgetFact(as(b), fact.id),
          () => driver.rememberFact(as(b), { agentId: agent.id, key: 'k', value: 'v', source: null }),
        ]) {
          await expect(attempt()).rejects.toMatchObject({ code: 'NOT_FOUND' });
        }
        // The same names are other things.
        await upsert(b, 'same', 'Mine.');
        await driver.createArtifact(as(b), { runId: 'run_1', path: 'p', mediaType: 'text/html', fileKey: null });
        expect(await driver.documentTexts(as(a), [document.id])).toEqual([{ id: document.id, text: document.text }]);
        expect(await driver.count(as(b), 'Document', undefined)).toBe(1);
        expect(await audits(b)).toHaveLength(2);
        // A foreign id in a write of one's own is refused, and not overwritten.
        await expect(
          driver.upsertDocuments(as(b), [{ ...prepared(b, 'other', 'x'), chunks: document.chunks }]),
        ).resolves.toBeUndefined();
        expect((await driver.byIds(as(a), 'Chunk', [document.chunks[0]!.id]))[0]?.documentId).toBe(document.id);
      });
    });

    test('it is healthy', async () => {
      expect(await driver.health()).toEqual([expect.objectContaining({ state: 'ok' })]);
    });
  });
}
