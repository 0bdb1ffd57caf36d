/**
 * What every graph driver must do, run on each store. Tenants are fresh for each test, so that a shared store needs no
 * wiping.
 */
import { parseExactJson, writeJson } from '#subgraphs/shared/exact-number.ts';
import { fc } from '#tests/setup/property.ts';
import { graphql, type GraphQLSchema } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { tenantIdOf } from '#subgraphs/shared/tenant-id.ts';
import { derivedId, documentId, entityId } from '#subgraphs/shared/ids.ts';
import { ENTITY_KINDS, RELATION_KINDS, relationKey } from '#subgraphs/graph/driver.ts';
import { buildSchema } from '#subgraphs/graph/schema/index.ts';
import { entityCondition, type EntityFilter } from '#subgraphs/graph/input.ts';
import type {
  AggregatedItems,
  Direction,
  DocumentGraph,
  Entity,
  GraphDriver,
  RelationKey,
  RelationOfEntity,
  RelationSelection,
} from '#subgraphs/graph/driver.ts';
import { neighborhoods, shortestPath } from '#subgraphs/graph/traversal/traversal.ts';
import { aggregate, aggregates, answered, queryOf, type Row } from './aggregate-oracle.ts';
import { adjacencyOf, graphs, nodeName, oracleDistances, TYPES } from './graph-oracle.ts';
import type { RandomGraph } from './graph-oracle.ts';

export interface GraphUnderTest extends AsyncDisposable {
  readonly driver: GraphDriver;
  /** The store's name, as statements are counted. */
  readonly store: string;
  /** Most statements that `indexDocuments` may take, however many documents it is given. */
  readonly statementsToIndex: number;
}

let tenants = 0;
export function freshTenant(label = 't'): RequestContext {
  return asTenant(`${label}-${process.pid}-${Date.now().toString(36)}-${++tenants}`);
}
const asTenant = (tenantId: string): RequestContext =>
  createRequestContext({ tenantId, subject: 'test', roles: [], scopes: [] });
/** A project of a tenant. */
const projectOf = ({ principal }: RequestContext, name: string): RequestContext =>
  asTenant(tenantIdOf(principal.tenantId, name));

const EVERYTHING: RelationSelection = { direction: 'BOTH', types: null };
const whole = { limit: 1_000, after: null } as const;
const node = (name: string, properties = {}) => ({ name, kind: 'node', properties });
const named = (name: string) => ({ name, kind: 'node' });
const link = (from: string, type: string, to: string, properties = {}) => ({
  from: named(from),
  to: named(to),
  type,
  properties,
});
const idOf = (context: RequestContext, name: string) => entityId(context.principal.tenantId, 'node', name);
const relId = (context: RequestContext, from: string, type: string, to: string) =>
  derivedId('Relation', context.principal.tenantId, idOf(context, from), type, idOf(context, to));
const docId = (context: RequestContext, source: string) => documentId(context.principal.tenantId, source);
const again = (context: RequestContext) => createRequestContext(context.principal);

export function graphDriverContract(name: string, start: () => Promise<GraphUnderTest>): void {
  describe(`${name}: graph driver`, () => {
    let subject: GraphUnderTest;
    let driver: GraphDriver;
    beforeAll(async () => {
      subject = await start();
      driver = subject.driver;
    });
    afterAll(async () => {
      await subject?.[Symbol.asyncDispose]();
    });

    const statements = (context: RequestContext): number => context.statements.counts()[subject.store] ?? 0;
    const entitiesOf = async (context: RequestContext): Promise<string[]> =>
      (await driver.findEntities(context, undefined, whole)).map((entity) => entity.name);
    const relationsOf = async (context: RequestContext, entity: string): Promise<string[]> =>
      (
        (await driver.relationsOf(context, [idOf(context, entity)], EVERYTHING, whole)).get(idOf(context, entity)) ?? []
      ).map(({ direction, relation, node: other }) => `${direction} ${relation.type} ${other.name}`);
    const mentionsOf = async (context: RequestContext, source: string): Promise<string[]> =>
      (
        (await driver.documentEntities(context, [docId(context, source)], null, whole)).get(docId(context, source)) ??
        []
      ).map(({ entity }) => entity.name);

    describe('entities', () => {
      test('are created, found by id, merged on the second write, and joined within one call', async () => {
        const context = freshTenant();
        const created = await driver.upsertEntities(context, [
          node('a', { one: 1, nested: { x: [1, 2, null] }, gone: null }),
          node('b'),
          node('a', { two: 'zwei' }),
        ]);
        expect(created).toEqual([
          {
            id: idOf(context, 'a'),
            name: 'a',
            kind: 'node',
            properties: { one: 1, nested: { x: [1, 2, null] }, two: 'zwei' },
          },
          { id: idOf(context, 'b'), name: 'b', kind: 'node', properties: {} },
        ]);
        const [changed] = await driver.upsertEntities(context, [node('a', { one: null, two: 2, three: false })]);
        expect(changed?.properties).toEqual({ nested: { x: [1, 2, null] }, two: 2, three: false });
        const found = await driver.entitiesByIds(context, [
          idOf(context, 'b'),
          idOf(context, 'a'),
          idOf(context, 'nowhere'),
        ]);
        expect(found.get(idOf(context, 'a'))).toEqual(changed);
        expect([...found.keys()].sort()).toEqual([idOf(context, 'a'), idOf(context, 'b')].sort());
        expect(await driver.countEntities(context, undefined)).toBe(2);
      });

      test('keep properties whose keys or values look special', async () => {
        const context = freshTenant();
        const properties = JSON.parse(
          `{"__proto__":{"polluted":true},"constructor":1,"toString":"x","a b":"'; DROP TABLE entities; --","\`":"\\\\","$x":"\${y}","ü":"\u{1F600}","":0}`,
        ) as Entity['properties'];
        await driver.upsertEntities(context, [node('special', properties)]);
        const found = (await driver.entitiesByIds(context, [idOf(context, 'special')])).get(idOf(context, 'special'));
        expect(Object.entries(found?.properties ?? {}).sort()).toEqual(Object.entries(properties).sort());
        expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
      });

      test('keep numbers that a double would change', async () => {
        const context = freshTenant();
        const text = '{"big":9007199254740993,"long":[0.1234567890123456789012],"price":{"of":1.10}}';
        await driver.upsertEntities(context, [node('exact', parseExactJson(text) as Entity['properties'])]);
        const found = (await driver.entitiesByIds(context, [idOf(context, 'exact')])).get(idOf(context, 'exact'));
        for (const number of ['"big":9007199254740993', '0.1234567890123456789012', '{"of":1.10}'])
          expect(writeJson(found?.properties)).toContain(number);
      });

      test('are filtered', async () => {
        const context = freshTenant();
        await driver.upsertEntities(context, [
          { name: 'React', kind: 'package', properties: {} },
          { name: 'react-dom', kind: 'package', properties: {} },
          { name: 'MIT', kind: 'licence', properties: {} },
          { name: '100%_sure\\', kind: 'concept', properties: {} },
          { name: 'ÄPFEL', kind: 'concept', properties: {} },
        ]);
        const find = async (filter: EntityFilter) => {
          const where = entityCondition(filter);
          const names = (await driver.findEntities(context, where, whole)).map((entity) => entity.name);
          expect(await driver.countEntities(context, where)).toBe(names.length);
          return names;
        };
        expect(await find({ name: { eq: 'React' } })).toEqual(['React']);
        expect(await find({ name: { contains: 'REACT' } })).toEqual(['React', 'react-dom']);
        expect(await find({ name: { contains: 'äpf' } })).toEqual(['ÄPFEL']);
        const every = await find({});
        const without = (...gone: string[]) => every.filter((name) => !gone.includes(name));
        expect(await find({ name: { ne: 'React' } })).toEqual(without('React'));
        expect(await find({ name: { notIn: ['React', 'ÄPFEL'] } })).toEqual(without('React', 'ÄPFEL'));
        expect(await find({ name: { isNull: true } })).toEqual([]);
        expect(await find({ kind: { isNull: false } })).toEqual(every);
        expect(await find({ name: { endsWith: '-dom' } })).toEqual(['react-dom']);
        expect(await find({ name: { endsWith: '-DOM' } })).toEqual([]);
        // By code point: all capitals of ASCII come before its small letters, and both before what is beyond.
        expect(await find({ name: { gte: 'react', lt: 'z' } })).toEqual(
          every.filter((name) => name >= 'react' && name < 'z'),
        );
        expect(await find({ kind: { gt: 'node' } })).toEqual(
          (await driver.findEntities(context, entityCondition({ not: { kind: { lte: 'node' } } }), whole)).map(
            ({ name }) => name,
          ),
        );
        expect(await find({ name: { matches: '^react' } })).toEqual(['react-dom']);
        expect(await find({ name: { matches: '(?i)^react' } })).toEqual(['React', 'react-dom']);
        expect(await find({ name: { matches: '(?i)^äpf.l$' } })).toEqual(['ÄPFEL']);
        expect(await find({ name: { matches: '^\\d+%_[a-z]{4}\\\\$' } })).toEqual(['100%_sure\\']);
        expect(await find({ name: { not: { matches: '.' } } })).toEqual([]);
        await expect(find({ name: { matches: '(a+)+$' } })).rejects.toMatchObject({
          extensions: { code: 'BAD_USER_INPUT' },
        });
        expect(await find({ name: { contains: '%_' } })).toEqual(['100%_sure\\']);
        expect(await find({ name: { startsWith: 'react' } })).toEqual(['react-dom']);
        expect(await find({ name: { startsWith: '100%' } })).toEqual(['100%_sure\\']);
        expect(await find({ kind: { in: ['licence', 'nothing'] } })).toEqual(['MIT']);
        expect(await find({ kind: { in: [] } })).toEqual([]);
        expect(await find({ kind: { not: { eq: 'package' } } })).toEqual(['100%_sure\\', 'MIT', 'ÄPFEL']);
        expect(
          await find({
            or: [{ name: { eq: 'MIT' } }, { and: [{ kind: { eq: 'package' } }, { not: { name: { contains: '-' } } }] }],
          }),
        ).toEqual(['MIT', 'React']);
        expect(await find({ or: [] })).toEqual([]);
        expect(await find({ and: [] })).toHaveLength(5);
        expect(await find({ not: {} })).toEqual([]);
        expect(await find({ id: { in: [entityId(context.principal.tenantId, 'licence', 'MIT')] } })).toEqual(['MIT']);
        expect(await find({ kind: { eq: 'package' }, name: { eq: 'MIT' } })).toEqual([]);
      });

      test('page by code point order, without gap or repetition, also while others are inserted', async () => {
        const context = freshTenant();
        const names = ['a', 'B', 'ab', 'é', '\u{1F600}', '\uFF21', '~', 'Z', '_', 'a b'];
        await driver.upsertEntities(context, [
          ...names.map((each) => node(each)),
          { name: 'a', kind: 'other', properties: {} },
        ]);
        const seen: string[] = [];
        let after: readonly [string, string] | null = null;
        for (let page = 0; page < 20; page++) {
          const rows: Entity[] = await driver.findEntities(context, undefined, { limit: 3, after });
          seen.push(...rows.map((row) => row.name));
          if (page === 0) await driver.upsertEntities(context, [node('!before')]);
          const last = rows.at(-1);
          if (!last) break;
          after = [last.name, last.id];
        }
        expect(seen).toEqual(['B', 'Z', '_', 'a', 'a', 'a b', 'ab', '~', 'é', '\uFF21', '\u{1F600}']);

        for (const filter of [{}, { kind: { eq: 'node' } }]) {
          const where = entityCondition(filter);
          const forward = await driver.findEntities(context, where, whole);
          const back: Entity[] = [];
          for (let before: readonly [string, string] | null = null; ;) {
            const rows: Entity[] = await driver.findEntities(context, where, {
              limit: 3,
              after: before,
              backward: true,
            });
            back.push(...rows);
            const last = rows.at(-1);
            if (!last) break;
            before = [last.name, last.id];
          }
          expect(back).toEqual(forward.toReversed());
        }
      });
    });

    describe('relations', () => {
      test('create missing ends, merge properties, and are one for each (from, type, to)', async () => {
        const context = freshTenant();
        const [a] = await driver.upsertEntities(context, [node('a', { kept: true })]);
        const written = await driver.upsertRelations(context, [
          { from: { id: a?.id ?? '' }, to: named('b'), type: 'USES', properties: { since: 1 } },
          link('b', 'USES', 'a'),
          link('a', 'USES', 'b', { weight: 2 }),
          link('a', 'LIKES', 'b'),
        ]);
        expect(written.map(({ type, from, to, properties }) => [type, from, to, properties])).toEqual([
          ['USES', idOf(context, 'a'), idOf(context, 'b'), { since: 1, weight: 2 }],
          ['USES', idOf(context, 'b'), idOf(context, 'a'), {}],
          ['LIKES', idOf(context, 'a'), idOf(context, 'b'), {}],
        ]);
        await driver.upsertRelations(context, [link('a', 'USES', 'b', { since: null, weight: 3 })]);
        const id = relId(context, 'a', 'USES', 'b');
        expect((await driver.relationsByIds(context, [id, 'rel_unknown'])).get(id)?.properties).toEqual({ weight: 3 });
        expect(await relationsOf(context, 'a')).toEqual(['OUT LIKES b', 'IN USES b', 'OUT USES b']);
        expect((await driver.entitiesByIds(context, [idOf(context, 'a')])).get(idOf(context, 'a'))?.properties).toEqual(
          { kept: true },
        );
      });

      test('with an end that does not exist write nothing at all', async () => {
        const context = freshTenant();
        await expect(
          driver.upsertRelations(context, [
            link('a', 'USES', 'b'),
            { from: named('a'), to: { id: idOf(context, 'missing') }, type: 'USES', properties: {} },
          ]),
        ).rejects.toMatchObject({ code: 'NOT_FOUND' });
        expect(await entitiesOf(context)).toEqual([]);
      });

      test('page per entity in one order for every direction and type, self loops once', async () => {
        const context = freshTenant();
        await driver.upsertRelations(context, [
          link('hub', 'A', 'x'),
          link('x', 'A', 'hub'),
          link('hub', 'A', 'hub'),
          link('hub', 'B', 'y'),
          link('z', 'C', 'hub'),
          link('x', 'B', 'y'),
        ]);
        const hub = idOf(context, 'hub');
        const pages = async (selection: RelationSelection, limit: number, backward = false): Promise<string[]> => {
          const all: RelationOfEntity[] = [];
          let after: RelationKey | null = null;
          for (;;) {
            const rows: RelationOfEntity[] =
              (await driver.relationsOf(context, [hub], selection, { limit, after, backward })).get(hub) ?? [];
            all.push(...rows);
            const last = rows.at(-1);
            if (!last)
              return all.map(({ direction, relation, node: other }) => `${direction} ${relation.type} ${other.name}`);
            expect(rows.length).toBeLessThanOrEqual(limit);
            after = relationKey(last);
          }
        };
        const both = ['OUT A hub', 'IN A x', 'OUT A x', 'OUT B y', 'IN C z'];
        for (const limit of [1, 2, 3, 10]) {
          expect(await pages(EVERYTHING, limit)).toEqual(both);
          expect(await pages(EVERYTHING, limit, true)).toEqual(both.toReversed());
        }
        expect(await pages({ direction: 'OUT', types: null }, 1)).toEqual(['OUT A hub', 'OUT A x', 'OUT B y']);
        expect(await pages({ direction: 'IN', types: null }, 1)).toEqual(['IN A hub', 'IN A x', 'IN C z']);
        expect(await pages({ direction: 'BOTH', types: ['B', 'C'] }, 1)).toEqual(['OUT B y', 'IN C z']);
        expect(await pages({ direction: 'BOTH', types: [] }, 1)).toEqual([]);
        const many = await driver.relationsOf(
          context,
          ['x', 'y', 'unknown'].map((each) => idOf(context, each)),
          { direction: 'OUT', types: null },
          { limit: 1, after: null },
        );
        expect([...many].map(([id, rows]) => [id, rows.length])).toEqual([[idOf(context, 'x'), 1]]);
      });

      test('go with their entities, and leave no orphan that only a document had made', async () => {
        const context = freshTenant();
        await driver.upsertRelations(context, [link('a', 'USES', 'b'), link('b', 'USES', 'a'), link('b', 'USES', 'c')]);
        const gone = relId(context, 'a', 'USES', 'b');
        expect(await driver.deleteRelations(context, [gone, gone, 'rel_unknown'])).toEqual([gone]);
        expect(await relationsOf(context, 'a')).toEqual(['IN USES b']);
        expect(await driver.deleteEntities(context, [idOf(context, 'b'), idOf(context, 'unknown')])).toEqual([
          idOf(context, 'b'),
        ]);
        expect(await relationsOf(context, 'a')).toEqual([]);
        expect(await entitiesOf(context)).toEqual(['a', 'c']);

        await driver.indexDocuments(context, [
          {
            documentId: docId(context, 'd'),
            entities: [node('m')],
            relations: [link('m', 'USES', 'n'), link('a', 'USES', 'n')],
          },
        ]);
        await driver.deleteEntities(context, [idOf(context, 'a')]);
        expect(await entitiesOf(context)).toEqual(['c', 'm', 'n']);
        await driver.deleteRelations(context, [relId(context, 'm', 'USES', 'n')]);
        expect(await entitiesOf(context)).toEqual(['c', 'm']);
      });
    });

    describe('aggregates', () => {
      // By code point one way, by the units of UTF-16 the other.
      const NAMES = ['a', 'B', 'ab', 'é', '\u{1F600}', '\uFFEE', "o'clock", '`'];
      // Not one of U+E000 to U+FFFF beside one beyond: Neo4j compares texts with parameters by units, in filters too.
      const KINDS = ['node', 'Node', '\u{1F600}', 'é'];
      let context: RequestContext;
      let schema: GraphQLSchema;
      const rows: Record<AggregatedItems, Row[]> = { entities: [], relations: [] };
      const ask = async (source: string, as: RequestContext) => {
        const { data, errors } = await graphql({ schema, source, contextValue: as });
        expect(errors).toBeUndefined();
        // eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers
        return JSON.parse(writeJson(data)) as any;
      };

      beforeAll(async () => {
        schema = buildSchema({ driver, documentEntities: driver });
        context = freshTenant('measured');
        const entities = await driver.upsertEntities(
          context,
          NAMES.flatMap((each, at) =>
            [KINDS[at % 4]!, KINDS[(at + 1) % 4]!].map((kind) => ({ name: each, kind, properties: {} })),
          ),
        );
        const relations = await driver.upsertRelations(
          context,
          Array.from({ length: 40 }, (_, at) => ({
            from: { id: entities[(at * 7) % 16]!.id },
            to: { id: entities[(at * at + 3) % 16]!.id },
            type: ['USES', 'LIKES', 'USES_2'][at % 3]!,
            properties: {},
          })),
        );
        const entity = new Map(entities.map((each) => [each.id, each]));
        rows.entities = entities.map(({ id, name: of, kind }) => ({ id, name: of, kind }));
        rows.relations = relations.map(({ id, type, from, to }) => ({
          id,
          type,
          fromId: from,
          fromName: entity.get(from)!.name,
          fromKind: entity.get(from)!.kind,
          toId: to,
          toName: entity.get(to)!.name,
          toKind: entity.get(to)!.kind,
        }));
      });

      test.each([
        ['entities', ENTITY_KINDS],
        ['relations', RELATION_KINDS],
      ] as const)("of %s mean what the oracle says, one statement each, of the tenant's own", async (what, kinds) => {
        await fc.assert(
          fc.asyncProperty(aggregates(kinds, rows[what]), async (asked) => {
            const own = again(context);
            const found = await ask(queryOf(what, asked), own);
            expect(answered(found[`${what}Aggregate`], asked)).toEqual(aggregate(rows[what], asked, kinds));
            expect(statements(own)).toBe(1);
            const other = await ask(queryOf(what, asked), freshTenant());
            expect(answered(other[`${what}Aggregate`], asked)).toEqual(aggregate([], asked, kinds));
          }),
          { numRuns: 30 },
        );
      });

      test('are counted as well where none is read', async () => {
        const of = async (selected: string): Promise<object> =>
          (
            await ask(
              `{ entitiesAggregate(groupBy: [{ field: NAME }], having: { not: { measure: MAX, field: KIND, eq: "none" } }, orderBy: [{ measure: COUNT }], first: 1) { ${selected} } }`,
              again(context),
            )
          )['entitiesAggregate'];
        const { groups: _, ...counts } = (await of('totalCount truncated groups { count }')) as Record<string, unknown>;
        expect(counts).toMatchObject({ truncated: true });
        expect(await of('totalCount truncated')).toEqual(counts);
        expect(await of('truncated')).toEqual({ truncated: true });
        expect(await of('__typename')).toEqual({ __typename: 'EntityAggregate' });
      });

      test('are of what matches', async () => {
        const counted = async (what: AggregatedItems, where: string): Promise<number> =>
          (await ask(`{ ${what}Aggregate(where: ${where}) { groups { count } } }`, again(context)))[`${what}Aggregate`]
            .groups[0].count;
        const entities = async (where: EntityFilter) => await driver.countEntities(context, entityCondition(where));
        const those = (holds: (row: Row) => boolean): number => rows.relations.filter(holds).length;
        expect(await counted('entities', '{ kind: { eq: "node" } }')).toBe(await entities({ kind: { eq: 'node' } }));
        expect(await counted('entities', '{ name: { gt: "b" }, not: { kind: { contains: "ODE" } } }')).toBe(
          await entities({ name: { gt: 'b' }, not: { kind: { contains: 'ODE' } } }),
        );
        expect(await counted('relations', '{ type: { startsWith: "USES" }, fromName: { ne: "a" } }')).toBe(
          those((row) => row['type'] !== 'LIKES' && row['fromName'] !== 'a'),
        );
        expect(
          await counted('relations', '{ or: [{ fromKind: { eq: "Node" } }, { toName: { gte: "\uFFEE" } }] }'),
        ).toBe(those((row) => row['fromKind'] === 'Node' || ['\u{1F600}', '\uFFEE'].includes(String(row['toName']))));
        const { id, fromId } = rows.relations[0]!;
        expect(
          await counted('relations', `{ id: { eq: "${id as string}" }, fromId: { eq: "${fromId as string}" } }`),
        ).toBe(1);
        expect(await counted('relations', '{ toKind: { in: [] } }')).toBe(0);
      });
    });

    describe('traversal', () => {
      const write = async (context: RequestContext, { edges }: RandomGraph): Promise<void> => {
        await driver.upsertRelations(
          context,
          edges.map(([from, type, to]) => link(nodeName(from), type, nodeName(to))),
        );
      };
      const expand =
        (context: RequestContext, selection: RelationSelection, rows = 10_000) =>
        (nodes: readonly string[]) =>
          driver.expandFrontier(context, nodes, selection, rows);
      const reversed = { OUT: 'IN', IN: 'OUT', BOTH: 'BOTH' } as const;
      const selections = fc.record({
        direction: fc.constantFrom<Direction>('OUT', 'IN', 'BOTH'),
        types: fc.option(fc.subarray([...TYPES], { minLength: 0 }), { nil: null }),
      });

      test("neighbourhoods equal a breadth-first oracle's, for many sources at once, in one statement a level", async () => {
        await fc.assert(
          fc.asyncProperty(graphs, selections, fc.integer({ min: 1, max: 6 }), async (graph, selection, depth) => {
            const context = freshTenant();
            await write(context, graph);
            const reading = again(context);
            const sources = graph.nodes.map((each) => idOf(context, nodeName(each)));
            const found = await neighborhoods(expand(reading, selection), sources, depth);
            expect(statements(reading)).toBeLessThanOrEqual(depth);
            const further = again(context);
            const looked = await neighborhoods(expand(further, selection), sources, depth, undefined, true);
            expect(statements(further)).toBeLessThanOrEqual(depth + 1);
            const adjacency = adjacencyOf(graph, selection);
            for (const source of graph.nodes) {
              const expected = [...oracleDistances(adjacency, source)]
                .filter(([other, distance]) => other !== source && distance <= depth)
                .map(([other, distance]) => ({
                  depth: distance,
                  name: nodeName(other),
                  id: idOf(context, nodeName(other)),
                }))
                .sort((a, b) => a.depth - b.depth || (a.name < b.name ? -1 : 1));
              const farthest = Math.max(0, ...oracleDistances(adjacency, source).values());
              const id = idOf(context, nodeName(source));
              // Without another level nobody knows what is behind the last.
              expect(found.get(id)).toEqual({ neighbors: expected, truncated: false, complete: farthest < depth });
              expect(looked.get(id)).toEqual({ neighbors: expected, truncated: false, complete: farthest <= depth });
            }
          }),
          { numRuns: 25 },
        );
      });

      test("shortest paths are as short as the oracle's, and really lead there", async () => {
        await fc.assert(
          fc.asyncProperty(graphs, selections, fc.integer({ min: 1, max: 10 }), async (graph, selection, most) => {
            const context = freshTenant();
            await write(context, graph);
            const adjacency = adjacencyOf(graph, selection);
            const [from, ...rest] = graph.nodes;
            if (from === undefined) return;
            const distances = oracleDistances(adjacency, from);
            for (const to of rest) {
              const { path, truncated } = await shortestPath(
                expand(context, selection),
                expand(context, { ...selection, direction: reversed[selection.direction] }),
                idOf(context, nodeName(from)),
                idOf(context, nodeName(to)),
                most,
              );
              const expected = distances.get(to);
              expect(truncated).toBe(false);
              expect(path?.relations.length).toBe(expected !== undefined && expected <= most ? expected : undefined);
              if (!path) continue;
              const relations = await driver.relationsByIds(context, path.relations);
              expect([path.nodes[0], path.nodes.at(-1)]).toEqual([
                idOf(context, nodeName(from)),
                idOf(context, nodeName(to)),
              ]);
              path.relations.forEach((id, index) => {
                const relation = relations.get(id);
                const [here, there] = [path.nodes[index], path.nodes[index + 1]];
                const forth = relation?.from === here && relation?.to === there;
                const back = relation?.to === here && relation?.from === there;
                expect({ OUT: forth, IN: back, BOTH: forth || back }[selection.direction]).toBe(true);
                expect(
                  selection.types === null || (selection.types as readonly string[]).includes(relation?.type ?? ''),
                ).toBe(true);
              });
            }
          }),
          { numRuns: 15 },
        );
      });

      test('a row cap cuts in the order of the frontier, and only those who walked there are told', async () => {
        const context = freshTenant();
        await driver.upsertRelations(context, [
          ...Array.from({ length: 30 }, (_, index) => link('hub', 'A', `leaf${String(index).padStart(2, '0')}`)),
          link('small', 'A', 'leaf00'),
          link('small', 'A', 'leaf01'),
          link('far', 'A', 'hub'),
          link('leaf29', 'A', 'goal'),
        ]);
        const [hub, small, far, leaf, goal] = ['hub', 'small', 'far', 'leaf05', 'goal'].map((each) =>
          idOf(context, each),
        ) as [string, string, string, string, string];
        const out: RelationSelection = { direction: 'OUT', types: null };
        const cut = await driver.expandFrontier(context, [small, hub], out, 10);
        expect(cut.cut).toBe(true);
        expect(cut.steps.map(({ node: at, otherName }) => [at === small ? 'small' : 'hub', otherName])).toEqual([
          ['small', 'leaf00'],
          ['small', 'leaf01'],
          ...Array.from({ length: 8 }, (_, index) => ['hub', `leaf0${index}`]),
        ]);
        expect((await driver.expandFrontier(context, [small, hub], out, 32)).cut).toBe(false);
        expect((await driver.expandFrontier(context, [small, hub], out, 31)).cut).toBe(true);

        const walked = await neighborhoods(expand(context, out, 10), [small, far, hub, leaf], 2);
        expect(walked.get(small)).toMatchObject({ truncated: false });
        expect(walked.get(hub)).toMatchObject({ truncated: true });
        expect(walked.get(far)).toMatchObject({ truncated: true });
        const path = await shortestPath(
          expand(context, out, 10),
          expand(context, { direction: 'IN', types: null }, 10),
          far,
          goal,
          10,
        );
        expect(path.path?.nodes).toHaveLength(4); // From the goal's side the hub is a narrow way in.
        const blind = await shortestPath(
          expand(context, out, 10),
          () => Promise.resolve({ steps: [], cut: true }),
          far,
          goal,
          10,
        );
        expect(blind).toEqual({ path: null, truncated: true, exhausted: false });
      });
    });

    describe('documents', () => {
      const document = (
        context: RequestContext,
        source: string,
        entities: DocumentGraph['entities'],
        relations: DocumentGraph['relations'] = [],
      ): DocumentGraph => ({
        documentId: docId(context, source),
        entities,
        relations,
      });

      test('name entities in their order, page, filter by kind, and are found from the entity', async () => {
        const context = freshTenant();
        await driver.indexDocuments(context, [
          document(context, 'one', [
            node('z'),
            { name: 'MIT', kind: 'licence', properties: {} },
            node('a'),
            node('z', { again: true }),
          ]),
          document(context, 'two', [node('a')]),
        ]);
        expect(await mentionsOf(context, 'one')).toEqual(['z', 'MIT', 'a']);
        const one = docId(context, 'one');
        const first =
          (await driver.documentEntities(context, [one, docId(context, 'two')], null, { limit: 2, after: null })).get(
            one,
          ) ?? [];
        expect(first.map(({ entity }) => entity.name)).toEqual(['z', 'MIT']);
        const last = first[1];
        const rest = await driver.documentEntities(context, [one], null, {
          limit: 2,
          after: [last?.position ?? 0, last?.entity.id ?? ''],
        });
        expect(rest.get(one)?.map(({ entity }) => entity.name)).toEqual(['a']);
        const end = { ...whole, backward: true };
        const namesOf = async (slice: Parameters<GraphDriver['documentEntities']>[3]) =>
          (await driver.documentEntities(context, [one], null, slice)).get(one)?.map(({ entity }) => entity.name);
        expect(await namesOf(end)).toEqual(['a', 'MIT', 'z']);
        expect(await namesOf({ ...end, after: [last?.position ?? 0, last?.entity.id ?? ''] })).toEqual(['z']);
        const licences = await driver.documentEntities(context, [one], ['licence'], whole);
        expect(licences.get(one)?.map(({ entity }) => entity.name)).toEqual(['MIT']);
        expect((await driver.documentEntities(context, [one], [], whole)).get(one)).toBeUndefined();

        const documentIds = [one, docId(context, 'two'), docId(context, 'nowhere')];
        const countsOf = async (kinds: string[] | null) =>
          [...(await driver.countDocumentEntities(context, documentIds, kinds))].sort(([, a], [, b]) => b - a);
        expect(await countsOf(null)).toEqual([
          [one, 3],
          [documentIds[1], 1],
        ]);
        expect(await countsOf(['licence'])).toEqual([[one, 1]]);
        expect(await countsOf([])).toEqual([]);

        const [a, z] = [idOf(context, 'a'), idOf(context, 'z')];
        expect(await driver.countEntityDocuments(context, [z, a, idOf(context, 'nowhere')])).toEqual(
          new Map([
            [a, 2],
            [z, 1],
          ]),
        );
        const both = [one, docId(context, 'two')].sort();
        const documents = await driver.entityDocuments(context, [a, z], whole);
        expect(documents.get(a)).toEqual(both);
        expect(documents.get(z)).toEqual([one]);
        expect((await driver.entityDocuments(context, [a], { limit: 1, after: [both[0] ?? ''] })).get(a)).toEqual([
          both[1],
        ]);
        expect((await driver.entityDocuments(context, [a], end)).get(a)).toEqual(both.toReversed());
        expect((await driver.entityDocuments(context, [a], { ...end, after: [both[1] ?? ''] })).get(a)).toEqual([
          both[0],
        ]);
      });

      test('indexing again makes it exactly the new input; a relation goes with its last witness', async () => {
        const context = freshTenant();
        await driver.indexDocuments(context, [
          document(context, 'one', [node('a'), node('b'), node('c')], [link('a', 'USES', 'b'), link('a', 'USES', 'x')]),
          document(context, 'two', [node('b')], [link('a', 'USES', 'b')]),
        ]);
        await driver.indexDocuments(context, [document(context, 'one', [node('c'), node('a')])]);
        expect(await mentionsOf(context, 'one')).toEqual(['c', 'a']);
        expect(await relationsOf(context, 'a')).toEqual(['OUT USES b']);
        expect(await entitiesOf(context)).toEqual(['a', 'b', 'c']);
        await driver.indexDocuments(context, [document(context, 'two', [])]);
        expect(await relationsOf(context, 'a')).toEqual([]);
        expect(await entitiesOf(context)).toEqual(['a', 'c']);
        await driver.indexDocuments(context, [document(context, 'one', []), document(context, 'never indexed', [])]);
        expect(await entitiesOf(context)).toEqual([]);
      });

      test('leave alone what was written by hand, before or after', async () => {
        const context = freshTenant();
        await driver.upsertRelations(context, [link('a', 'USES', 'b')]);
        await driver.indexDocuments(context, [
          document(
            context,
            'one',
            [node('a'), node('d')],
            [link('a', 'USES', 'b'), link('a', 'USES', 'c'), link('d', 'USES', 'e')],
          ),
        ]);
        await driver.upsertRelations(context, [
          { from: { id: idOf(context, 'a') }, to: { id: idOf(context, 'c') }, type: 'USES', properties: {} },
        ]);
        await driver.upsertEntities(context, [node('d')]);
        await driver.indexDocuments(context, [document(context, 'one', [])]);
        expect(await relationsOf(context, 'a')).toEqual(['OUT USES b', 'OUT USES c']);
        expect(await entitiesOf(context)).toEqual(['a', 'b', 'c', 'd']);
      });

      test('indexing twice changes nothing; the last of two equal documents in a call counts', async () => {
        const context = freshTenant();
        const one = document(
          context,
          'one',
          [node('a', { p: 1 })],
          [link('a', 'USES', 'b', { q: 1 }), link('a', 'USES', 'a')],
        );
        await driver.indexDocuments(context, [document(context, 'one', [node('old')]), one]);
        const before = [await relationsOf(context, 'a'), await entitiesOf(context), await mentionsOf(context, 'one')];
        await driver.indexDocuments(context, [one]);
        expect([await relationsOf(context, 'a'), await entitiesOf(context), await mentionsOf(context, 'one')]).toEqual(
          before,
        );
        expect(before).toEqual([['OUT USES a', 'OUT USES b'], ['a', 'b'], ['a']]);
      });

      test('two hundred at once take as few statements as one', async () => {
        const context = freshTenant();
        const many = Array.from({ length: 200 }, (_, index) =>
          document(
            context,
            `doc${index}`,
            [node(`p${index}`, { version: '1' }), node('shared')],
            Array.from({ length: 5 }, (__, by) => link(`p${index}`, 'DEPENDS_ON', `p${(index + by + 1) % 200}`)),
          ),
        );
        const counting = again(context);
        await driver.indexDocuments(counting, many);
        expect(statements(counting)).toBeLessThanOrEqual(subject.statementsToIndex);
        expect(await driver.countEntities(context, undefined)).toBe(201);
        const removing = again(context);
        await driver.indexDocuments(
          removing,
          many.map(({ documentId: id }) => ({ documentId: id, entities: [], relations: [] })),
        );
        expect(statements(removing)).toBeLessThanOrEqual(subject.statementsToIndex);
        expect(await driver.countEntities(context, undefined)).toBe(0);
      });

      test('written at the same time by many neither fail nor lose anything', async () => {
        const context = freshTenant();
        const documents = Array.from({ length: 12 }, (_, index) =>
          document(
            context,
            `doc${index}`,
            [node('shared'), node(`own${index}`)],
            [link(`own${index}`, 'USES', 'shared')],
          ),
        );
        await Promise.all(documents.map((each) => driver.indexDocuments(again(context), [each])));
        expect(await relationsOf(context, 'shared')).toHaveLength(12);
        await Promise.all(
          documents.map((each, index) =>
            driver.indexDocuments(again(context), [index % 2 === 0 ? { ...each, entities: [], relations: [] } : each]),
          ),
        );
        expect(await relationsOf(context, 'shared')).toHaveLength(6);
        expect(await driver.countEntities(context, undefined)).toBe(7);
      });
    });

    test('what is stored of entities and relations, and which documents name them, can be compared', async () => {
      const [context, other] = [freshTenant(), freshTenant()];
      const linked = { ...link('a', 'USES', 'b'), properties: { since: 2020, nested: { list: [1, 'x'] } } };
      for (const each of [context, other]) {
        const of = (source: string) => docId(each, source);
        await driver.indexDocuments(each, [
          { documentId: of('one'), entities: [node('a', { weight: 1 }), node('b')], relations: [linked] },
          { documentId: of('two'), entities: [node('a')], relations: [linked] },
        ]);
      }
      await driver.upsertEntities(context, [node('b', { by: 'hand' })]);
      const [a, b] = [idOf(context, 'a'), idOf(context, 'b')];
      const [row] = (await driver.relationsOf(context, [a], EVERYTHING, { limit: 1, after: null })).get(a)!;
      const relation = row!.relation.id;
      expect(await driver.storedItems(context, [a, b, idOf(other, 'a')], [relation])).toEqual(
        new Map([
          [a, { properties: { weight: 1 }, byHand: false }],
          [b, { properties: { by: 'hand' }, byHand: true }],
          [relation, { properties: linked.properties, byHand: false }],
        ]),
      );
      const both = [docId(context, 'one'), docId(context, 'two')].sort();
      expect(await driver.documentsOf(context, [a, b, idOf(other, 'a')], [relation], 10)).toEqual(
        new Map([
          [a, both],
          [b, [docId(context, 'one')]],
          [relation, both],
        ]),
      );
      expect((await driver.documentsOf(context, [a], [relation], 1)).get(relation)).toEqual(both.slice(0, 1));
      expect(await driver.storedItems(context, [], [])).toEqual(new Map());
    });

    describe('tenants', () => {
      const [tenant, other] = [freshTenant(), freshTenant()];
      test("a tenant with 1 % of the data gets all of its own and nothing of the other's", async () => {
        const big = freshTenant('big');
        const small = freshTenant('small');
        const chain = (count: number) =>
          Array.from({ length: count }, (_, index) => link(`n${index}`, 'NEXT', `n${index + 1}`));
        await driver.upsertRelations(big, [
          ...chain(990),
          ...Array.from({ length: 10 }, (_, index) => link('n0', 'NEXT', `extra${index}`)),
        ]);
        await driver.upsertRelations(small, chain(10));
        const entities = Array.from({ length: 3 }, (_, index) => node(`n${index}`));
        await driver.indexDocuments(big, [document('big'), document('small')]);
        await driver.indexDocuments(small, [{ documentId: docId(small, 'd'), entities, relations: [] }]);
        function document(source: string): DocumentGraph {
          return {
            documentId: docId(small, source === 'small' ? 'd' : 'other'),
            entities: [...entities, node('n3')],
            relations: [],
          };
        }

        expect(await driver.countEntities(small, undefined)).toBe(11);
        expect(
          await driver.findEntities(small, entityCondition({ name: { startsWith: 'n' } }), { limit: 200, after: null }),
        ).toHaveLength(11);
        const walked = await neighborhoods(
          (nodes) => driver.expandFrontier(small, nodes, EVERYTHING, 10_000),
          [idOf(small, 'n0')],
          6,
        );
        expect(walked.get(idOf(small, 'n0'))?.neighbors.map(({ name: each }) => each)).toEqual([
          'n1',
          'n2',
          'n3',
          'n4',
          'n5',
          'n6',
        ]);
        expect(await relationsOf(small, 'n0')).toEqual(['OUT NEXT n1']);
        expect(
          (await driver.documentEntities(small, [docId(small, 'd')], null, whole)).get(docId(small, 'd')),
        ).toHaveLength(3);
      });

      test.each([
        ["another tenant's", () => [freshTenant('owner'), freshTenant('thief')]],
        ["another project's", () => ['one', 'two'].map((name) => projectOf(tenant, name))],
        ["a project's, for its tenant,", () => [projectOf(tenant, 'three'), tenant]],
        ["a tenant's, for its project,", () => [other, projectOf(other, 'four')]],
      ])('%s ids do not exist, to read or to write', async (_, both) => {
        const [owner, thief] = both() as [RequestContext, RequestContext];
        await driver.upsertRelations(owner, [link('a', 'USES', 'b', { secret: true })]);
        await driver.indexDocuments(owner, [
          { documentId: docId(owner, 'd'), entities: [node('a')], relations: [link('a', 'USES', 'c')] },
        ]);
        await driver.upsertEntities(thief, [node('mine')]);
        const [a, b] = [idOf(owner, 'a'), idOf(owner, 'b')];
        const relation = relId(owner, 'a', 'USES', 'b');

        expect((await driver.entitiesByIds(thief, [a, b])).size).toBe(0);
        expect(await driver.findEntities(thief, entityCondition({ id: { in: [a, b] } }), whole)).toEqual([]);
        expect(await driver.countEntities(thief, entityCondition({ not: { name: { eq: 'mine' } } }))).toBe(0);
        expect((await driver.relationsOf(thief, [a, b], EVERYTHING, whole)).size).toBe(0);
        expect((await driver.relationsByIds(thief, [relation])).size).toBe(0);
        expect(await driver.expandFrontier(thief, [a, b], EVERYTHING, 100)).toEqual({ steps: [], cut: false });
        expect((await driver.documentEntities(thief, [docId(owner, 'd')], null, whole)).size).toBe(0);
        expect((await driver.entityDocuments(thief, [a], whole)).size).toBe(0);
        expect((await driver.countDocumentEntities(thief, [docId(owner, 'd')], null)).size).toBe(0);
        expect((await driver.countEntityDocuments(thief, [a])).size).toBe(0);

        await expect(
          driver.upsertRelations(thief, [{ from: named('mine'), to: { id: a }, type: 'USES', properties: {} }]),
        ).rejects.toMatchObject({ code: 'NOT_FOUND' });
        await expect(
          driver.upsertRelations(thief, [{ from: { id: a }, to: { id: b }, type: 'USES', properties: {} }]),
        ).rejects.toMatchObject({ code: 'NOT_FOUND' });
        expect(await driver.deleteEntities(thief, [a, b])).toEqual([]);
        expect(await driver.deleteRelations(thief, [relation])).toEqual([]);
        await driver.indexDocuments(thief, [
          { documentId: docId(owner, 'd'), entities: [node('theirs')], relations: [] },
        ]);
        await driver.indexDocuments(thief, [{ documentId: docId(owner, 'd'), entities: [], relations: [] }]);

        expect(await relationsOf(owner, 'a')).toEqual(['OUT USES b', 'OUT USES c']);
        expect(await mentionsOf(owner, 'd')).toEqual(['a']);
        expect((await driver.entityDocuments(owner, [a], whole)).get(a)).toEqual([docId(owner, 'd')]);
      });
    });

    test('every read is one statement however many ids it is given', async () => {
      const context = freshTenant();
      await driver.upsertRelations(
        context,
        Array.from({ length: 50 }, (_, index) => link(`n${index}`, 'NEXT', `n${index + 1}`)),
      );
      const ids = Array.from({ length: 51 }, (_, index) => idOf(context, `n${index}`));
      const reads: ((on: RequestContext) => Promise<unknown>)[] = [
        (on) => driver.entitiesByIds(on, ids),
        (on) => driver.findEntities(on, entityCondition({ id: { in: ids } }), whole),
        (on) => driver.countEntities(on, undefined),
        (on) => driver.relationsOf(on, ids, EVERYTHING, whole),
        (on) => driver.relationsByIds(on, ids),
        (on) => driver.expandFrontier(on, ids, EVERYTHING, 100),
        (on) => driver.documentEntities(on, ids, null, whole),
        (on) => driver.entityDocuments(on, ids, whole),
        (on) => driver.countDocumentEntities(on, ids, null),
        (on) => driver.countEntityDocuments(on, ids),
      ];
      for (const read of reads) {
        const counting = again(context);
        await read(counting);
        expect(statements(counting)).toBe(1);
      }
    });

    test('health says that the store is there', async () => {
      expect(await driver.health()).toMatchObject([{ store: subject.store, state: 'ok' }]);
    });
  });
}
