/** What filters of objects must find, of whatever store: what whoever loads everything and looks finds. */
import { graphql, type ExecutionResult } from 'graphql';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ObjectDriver, ObjectScope, ObjectSigner } from '#subgraphs/object/driver.ts';
import { once } from '#subgraphs/object/bytes/once.ts';
import { buildSchema } from '#subgraphs/object/schema/index.ts';
import type { ObjectDeps } from '#subgraphs/object/schema/resolvers.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { fc } from '#tests/setup/property.ts';
import { aggregate, aggregates, answered, normal, queryOf, type Row } from './aggregate-oracle.ts';

/* eslint-disable @typescript-eslint/no-explicit-any -- answers and filters are of any shape */

interface Kept {
  readonly key: string;
  readonly size: number;
  readonly mediaType: string;
  readonly updatedAt: string;
}

const KEYS = [
  'a/!',
  'a/0',
  'a/A',
  'a/a.md',
  'a/b/c.md',
  'a/b/d',
  'a/b0',
  'a/caf\u00e9',
  'a/cafe\u0301',
  'a/\uffd7',
  'a/😀',
  'a/😀.md',
  'a0',
  'b/%41',
  'b/a b+c&d=e?f#g',
  'b/"quoted"',
  `b/${'k'.repeat(200)}`,
  'ﬀ/ß',
  '日本/語',
];
const MEDIA_TYPES = ['text/plain', 'text/markdown', 'image/png'];
/** What no object has, or can have. */
const NO_KEYS = ['absent', '', '/a', 'a/', 'a//b', 'a/../b', 'a\\b', 'a\u0007', 'k'.repeat(1_500), 'toString'];

/** Registers the tests. */
export function objectFilters(
  store: () => { readonly driver: ObjectDriver; readonly signer: ObjectSigner },
  of: (tenantId: string) => ObjectScope,
): void {
  describe('filters', () => {
    const tenantId = of('filtered').tenantId;
    let kept: Kept[];

    const ask = async (
      source: string,
      variableValues: Record<string, unknown> = {},
      bounds: ObjectDeps['bounds'] = {},
      as = tenantId,
    ) => {
      const { driver, signer } = store();
      return (await graphql({
        schema: buildSchema({ driver, signer, bounds }),
        source,
        variableValues,
        contextValue: createRequestContext({ tenantId: as, subject: 'test', roles: [], scopes: [] }),
      })) as ExecutionResult<any>;
    };

    beforeAll(async () => {
      const put = (scope: ObjectScope, key: string, size: number, contentType: string) =>
        store().driver.put(scope, key, once(Buffer.alloc(size, 'x')), { contentType });
      for (const [index, key] of KEYS.entries())
        await put(of('filtered'), key, (index * 7) % 20, MEDIA_TYPES[index % MEDIA_TYPES.length]!);
      await put(of('others'), 'a/a.md', 7, 'text/plain');
      const { data } = await ask('{ objects(first: 200) { nodes { key size mediaType updatedAt } } }');
      kept = data.objects.nodes;
      expect(kept.map(({ key }) => key)).toEqual(
        [...KEYS].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
      );
    });

    const PAGE = `query($where: StoredObjectFilter, $prefix: String, $first: Int, $after: String) {
      objects(where: $where, prefix: $prefix, first: $first, after: $after) {
        totalCount nodes { key size mediaType updatedAt } pageInfo { hasNextPage endCursor }
      }
    }`;

    it('find what whoever looks at everything finds, in pages of any size', async () => {
      await fc.assert(
        fc.asyncProperty(
          objectFilter(() => kept),
          fc.constantFrom(null, '', 'a/', 'a/caf', 'b', '日本/', 'none/'),
          fc.integer({ min: 1, max: 25 }),
          async (where, prefix, first) => {
            const expected = kept.filter((each) => each.key.startsWith(prefix ?? '') && holds(each, where));
            const found: Kept[] = [];
            for (let after: string | null = null; ;) {
              const { data, errors } = await ask(PAGE, { where, prefix, first, after });
              expect(errors).toBeUndefined();
              found.push(...data.objects.nodes);
              expect(data.objects.totalCount).toBe(expected.length);
              if (!data.objects.pageInfo.hasNextPage) break;
              expect(data.objects.nodes).toHaveLength(first);
              after = data.objects.pageInfo.endCursor;
            }
            expect(found).toEqual(expected);
          },
        ),
        { numRuns: 120 },
      );
    }, 240_000);

    it('are those of aggregates, which mean what the oracle says', async () => {
      const kinds = { key: 'text', size: 'bigint', mediaType: 'text', updatedAt: 'moment' } as const;
      const rows = kept.map((each): Row => ({ ...each }));
      const asking = fc.tuple(aggregates(kinds, rows), fc.option(objectFilter(() => kept), { nil: undefined })); // prettier-ignore
      await fc.assert(
        fc.asyncProperty(asking, async ([wanted, where]) => {
          const text = queryOf('objects', wanted, where === undefined ? undefined : '$where');
          const { data, errors } = await ask(
            where === undefined ? text : `query ($where: StoredObjectFilter) ${text}`,
            where === undefined ? {} : { where },
          );
          expect(errors).toBeUndefined();
          const matching = where === undefined ? rows : rows.filter((_, at) => holds(kept[at]!, where));
          const found = answered(JSON.parse(JSON.stringify(data.objectsAggregate)) as never, wanted, true);
          expect(normal(found, wanted, kinds)).toEqual(normal(aggregate(matching, wanted, kinds), wanted, kinds));
        }),
        { numRuns: 60 },
      );
      const COUNT = '{ objectsAggregate { groups { count sum { size } distinct { mediaType } } } }';
      const others = await ask(COUNT, {}, {}, of('others').tenantId);
      expect(others.data.objectsAggregate.groups).toEqual([
        { count: 1, sum: { size: '7' }, distinct: { mediaType: 1 } },
      ]);
      const refused = await ask(COUNT, {}, { scanned: KEYS.length - 1 });
      expect(refused.errors).toMatchObject([{ extensions: { code: 'QUERY_TOO_COSTLY' } }]);
      const few = await ask(COUNT.replace('te {', 'te(where: { key: { startsWith: "a/b/" } }) {'), {}, { scanned: 4 });
      expect(few.data.objectsAggregate.groups).toMatchObject([{ count: 2 }]);
    }, 120_000);

    it('see nothing of another tenant', async () => {
      const where = { key: { in: KEYS } };
      const { data } = await ask(PAGE, { where }, {}, of('others').tenantId);
      expect(data.objects).toMatchObject({ totalCount: 1, nodes: [{ key: 'a/a.md', size: 7 }] });
    });

    it('look at no more objects than they may', async () => {
      const rare = { where: { size: { lt: '0' } } };
      const refused = await ask(PAGE, rare, { scanned: KEYS.length - 1 });
      expect(refused.errors).toMatchObject([
        {
          path: ['objects'],
          extensions: { code: 'QUERY_TOO_COSTLY', hint: expect.stringContaining('OBJECT_SCANNED') as string },
        },
      ]);
      const COUNT = 'query($where: StoredObjectFilter) { objects(where: $where) { totalCount } }';
      const counted = await ask(COUNT, rare, { scanned: KEYS.length - 1 });
      expect(counted).toEqual({ data: { objects: { totalCount: null } } });
      expect((await ask(COUNT, rare, { scanned: KEYS.length })).data.objects.totalCount).toBe(0);
      expect((await ask(COUNT, { where: { size: { gte: 0 } } }, { counted: 3 })).data.objects.totalCount).toBeNull();
      // A page that is full by then is answered; so is one that keys or what they begin with narrow.
      for (const [where, first, scanned] of [
        [{ size: { gte: 0 } }, 3, 4],
        [{ key: { in: ['b/%41', 'absent'] }, size: { gte: 0 } }, 20, 2],
        [{ key: { startsWith: 'a/b/' }, size: { gte: 0 } }, 20, 2],
      ] as const) {
        const { errors } = await ask(PAGE.replace('totalCount', ''), { where, first }, { scanned });
        expect(errors, JSON.stringify(where)).toBeUndefined();
      }
      const absent = await ask(PAGE, { where: { key: { in: ['x', 'y', 'z'] } } }, { scanned: 2 });
      expect(absent.errors).toMatchObject([{ extensions: { code: 'QUERY_TOO_COSTLY' } }]);
    });
  });
}

type Filter = Record<string, any>;

function objectFilter(kept: () => readonly Kept[]): fc.Arbitrary<Filter> {
  const key = fc.constantFrom(...KEYS, ...NO_KEYS);
  const keys = fc.array(key, { maxLength: 6 });
  const begun = fc.constantFrom('', 'a', 'a/', 'a/b/', 'a/caf', '日', 'b/', 'none', 'a//', '/', 'a\u0007');
  const size = fc.integer({ min: -1, max: 21 });
  const mediaType = fc.constantFrom(...MEDIA_TYPES, 'text/none');
  const one = (operators: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Filter> =>
    fc.record(operators, { requiredKeys: [] }).map((all) => Object.fromEntries(Object.entries(all).slice(0, 2)));
  const moment = fc.nat({ max: KEYS.length - 1 }).map((index) => kept()[index]!.updatedAt);
  return fc.letrec<{ filter: Filter }>((tie) => ({
    filter: fc.oneof(
      { maxDepth: 3, depthIdentifier: 'objects' },
      fc.record({ key: one({ eq: key, in: keys, notIn: keys, startsWith: begun, endsWith: key, gt: key, lte: key }) }),
      fc.record({
        size: one({ gt: size, lte: size.map(String), eq: size, ne: size, in: fc.array(size, { maxLength: 3 }) }),
      }),
      fc.record({
        mediaType: one({
          eq: mediaType,
          ne: mediaType,
          in: fc.array(mediaType, { maxLength: 2 }),
          startsWith: mediaType,
        }),
      }),
      fc.record({ updatedAt: one({ gte: moment, lt: moment, eq: moment }) }),
      fc.record({
        key: one({ in: keys, startsWith: begun }),
        size: one({ gt: size }),
        mediaType: one({ ne: mediaType }),
      }),
      fc.constantFrom({}, { key: null }, { and: [] }, { or: [] }, { key: { isNull: true } }, { not: null }),
      fc.record({ and: fc.array(tie('filter'), { maxLength: 2 }) }),
      fc.record({ or: fc.array(tie('filter'), { maxLength: 3 }) }),
      fc.record({ not: tie('filter') }),
    ),
  })).filter;
}

const compared = (a: string | number, b: string | number): number =>
  typeof a === 'string' ? Buffer.compare(Buffer.from(a), Buffer.from(String(b))) : a - Number(b);

const OPERATORS: Record<string, (value: any, operand: any) => boolean> = {
  eq: (value, operand) => compared(value, operand) === 0,
  ne: (value, operand) => compared(value, operand) !== 0,
  in: (value, operands) => operands.some((each: any) => compared(value, each) === 0),
  notIn: (value, operands) => !operands.some((each: any) => compared(value, each) === 0),
  gt: (value, operand) => compared(value, operand) > 0,
  gte: (value, operand) => compared(value, operand) >= 0,
  lt: (value, operand) => compared(value, operand) < 0,
  lte: (value, operand) => compared(value, operand) <= 0,
  startsWith: (value, operand) => value.startsWith(operand),
  endsWith: (value, operand) => value.endsWith(operand),
  isNull: (_, operand) => !operand,
};

function holds(object: Kept, filter: Filter): boolean {
  return Object.entries(filter).every(([name, given]) => {
    if (given === null) return true;
    if (name === 'and') return given.every((each: Filter) => holds(object, each));
    if (name === 'or') return given.some((each: Filter) => holds(object, each));
    if (name === 'not') return !holds(object, given);
    return Object.entries(given).every(([operator, operand]) =>
      OPERATORS[operator]!(object[name as keyof Kept], operand),
    );
  });
}
