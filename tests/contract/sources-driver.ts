/** What every kind of source must do, whatever keeps its rows: the API over the shop, as one tenant of two sees it. */
import { graphql, type GraphQLSchema } from 'graphql';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import type { SourceDriver } from '#subgraphs/sources/driver.ts';
import type { Aggregated } from '#subgraphs/shared/aggregates/aggregate.ts';
import { buildModel } from '#subgraphs/sources/model/build.ts';
import { KINDS, type KindName } from '#subgraphs/sources/model/kinds.ts';
import type { SourceModel } from '#subgraphs/sources/model/model.ts';
import { parseSources } from '#subgraphs/sources/model/read.ts';
import { buildSchema } from '#subgraphs/sources/schema/index.ts';
import { random } from '#tests/setup/random.ts';
import { fc } from '#tests/setup/property.ts';
import {
  aggregate,
  aggregates,
  answered,
  fieldOf,
  normal,
  queryOf,
  type Answer,
  type Kinds,
} from './aggregate-oracle.ts';
import { isLinked, oracleOf, statementsOf, withoutCursors, type Collated, type Rows } from './sources-oracle.ts';
import { SHOP, shopRows, STATUS, type Row, type ShopRows, type ShopTable } from './sources-shop.ts';

/** A store that holds the shop with these rows of each tenant. */
export interface OpenShop extends AsyncDisposable {
  readonly driver: SourceDriver;
}

/** @param store what the driver is of, which goes with it */
export const owning = (driver: SourceDriver, store: AsyncDisposable): OpenShop => ({
  driver,
  async [Symbol.asyncDispose]() {
    await driver.close();
    await store[Symbol.asyncDispose]();
  },
});

const ROWS: Readonly<Record<string, ShopRows>> = { acme: shopRows(1, 1, 1002), other: shopRows(2, 1002, 1) };
/** More are for whoever looks for faults: SOURCE_QUERIES=5000, and others: PROPERTY_SEED=$RANDOM. */
const { SOURCE_QUERIES, PROPERTY_SEED = 7 } = process.env;

export type Ask = (
  text: string,
  variables?: object,
  tenantId?: string,
) => Promise<{ data: any; errors: unknown; statements: number }>; // eslint-disable-line @typescript-eslint/no-explicit-any -- answers

/** Asks a schema as anybody of a tenant does. */
export const askerOf =
  (schema: GraphQLSchema): Ask =>
  async (source, variableValues = {}, tenantId = 'acme') => {
    const contextValue = createRequestContext({ tenantId, subject: 'test', roles: [], scopes: [] });
    const result = await graphql({ schema, source, variableValues: variableValues as never, contextValue });
    const { data, errors } = JSON.parse(writeJson(result)) as { data: never; errors: unknown };
    return { data, errors, statements: contextValue.statements.total };
  };

export interface QueryTrial {
  readonly count: number;
  /** Rows of each of two tenants, `acme` and `other`, by table. */
  readonly tenants: Readonly<Record<string, Rows>>;
  readonly ask: Ask;
  /** Whether filters along links are part of the one statement; undefined where statements are not counted. */
  readonly joins?: boolean | undefined;
  /** See {@link SourceTraits.steps}. */
  readonly steps?: number;
  readonly collated?: Collated | undefined;
}

/** Whether a filter leads along links. */
const leadsAlong = (tables: Readonly<Record<string, ShopTable>>) => {
  const links = new Set(Object.values(tables).flatMap((table) => Object.keys(table.links)));
  return (filter: object): boolean => [...links].some((link) => JSON.stringify(filter).includes(`"${link}"`));
};

/** Asks random queries, and pages of them to the end, five at the most; rows in memory answer alike. */
export async function tryQueries(
  tables: Readonly<Record<string, ShopTable>>,
  { count: asked, tenants, ask, joins, steps = 1, collated }: QueryTrial,
): Promise<void> {
  const { answerOf, randomQuery, textOf } = oracleOf(tables);
  const next = random(Number(PROPERTY_SEED));
  const names = Object.keys(tables);
  const leads = leadsAlong(tables);
  for (let count = 0; count < asked; count++) {
    const tenant = next() < 0.5 ? 'acme' : 'other';
    const rows = tenants[tenant]!;
    const query = randomQuery(next, rows, names[count % names.length]!, 3);
    let cursor: string | undefined;
    let passed = 0;
    for (let page = 0; page < 5; page++) {
      const { text, variables } = textOf(query, cursor);
      const { data, errors, statements } = await ask(text, variables, tenant);
      const told = `${count}: ${text} ${JSON.stringify(variables)}`;
      expect(errors, told).toBeUndefined();
      const list = data[tables[query.table]!.list];
      expect(withoutCursors(list), told).toEqual(answerOf(rows, query, passed, undefined, collated));
      if (joins === true || (joins === false && !leads(variables)))
        expect(statements, told).toBeLessThanOrEqual(statementsOf(query) * steps);
      const { startCursor, endCursor, hasNextPage, hasPreviousPage } = list.pageInfo;
      if (!(query.backward ? hasPreviousPage : hasNextPage)) break;
      cursor = query.backward ? startCursor : endCursor;
      passed += query.size;
    }
  }
}

export interface SourceTraits {
  /** How many random queries; a fifth of them groups rows. @default 200 */
  readonly queries?: number;
  /** The shop's tables as the store has them. @default {@link SHOP} */
  readonly tables?: typeof SHOP;
  /** What the file has to say of the shop in a store without types and keys: lines below the source. @default nothing */
  readonly file?: string;
  /** Whether filters along links are part of the one statement. @default true */
  readonly joins?: boolean;
  /** How many statements a list may take, whatever the number of its parents. @default 1 */
  readonly steps?: number;
  /** Whether it groups and measures rows. @default true */
  readonly aggregates?: boolean;
  /** How it keeps what rows hold. @default as it is */
  readonly kept?: (field: string, value: Row[string]) => Row[string];
  /** What its texts sort by. @default the text, by code point */
  readonly collated?: Collated;
}

/** @param open makes the store with rows of each tenant, whose column is `tenant_id` */
export function describeSource(
  kind: KindName,
  open: (rows: Readonly<Record<string, ShopRows>>) => Promise<OpenShop>,
  {
    queries = 200,
    tables = SHOP,
    file: more = '',
    joins = true,
    steps = 1,
    aggregates: hasAggregates = true,
    kept = (_, value) => value,
    collated,
  }: SourceTraits = {},
): void {
  const keptRow = (row: Row): Row =>
    Object.fromEntries(Object.entries(row).map(([field, value]) => [field, kept(field, value)]));
  const keptRows = ({ customers, orders, orderLines }: ShopRows): ShopRows => ({
    customers: customers.map(keptRow),
    orders: orders.map(keptRow),
    orderLines: orderLines.map(keptRow),
  });
  const TENANTS = Object.fromEntries(Object.entries(ROWS).map(([tenant, rows]) => [tenant, keptRows(rows)]));
  const asked = Number(SOURCE_QUERIES ?? queries);
  const grouped = hasAggregates ? Math.floor(asked / 5) : 0;
  const leads = leadsAlong(tables);
  const { matching, randomFilter } = oracleOf(tables);
  describe(`a source: ${kind}`, () => {
    let shop: OpenShop;
    let model: SourceModel;
    let ask: Ask;

    beforeAll(async () => {
      shop = await open(TENANTS);
      const file = parseSources(
        `sources:\n  shop:\n    kind: ${kind}\n    url: SHOP_URL\n    tenancy: { column: tenant_id }\n${more}`,
        'sources.yaml',
      );
      model = buildModel('shop', file, await shop.driver.introspect([...KINDS[kind].schemas]));
      ask = askerOf(buildSchema(model, shop.driver));
    });
    afterAll(async () => {
      await shop[Symbol.asyncDispose]();
    });

    test(`answers ${asked - grouped} random queries as rows in memory do, one statement for each level`, async () => {
      await tryQueries(tables, { count: asked - grouped, tenants: TENANTS, ask, joins, steps, collated });
    }, 300_000);

    test('a value that no column can hold is named with its field', async () => {
      const { list, filter } = tables['customers']!;
      const asked = `query($where: ${filter}) { rows: ${list}(where: $where) { totalCount } }`;
      for (const where of [
        { born: { eq: '2026-02-30' } },
        { or: [{ name: { eq: '2026-02-28' } }, { born: { in: ['2026-02-28', '2026-02-30'] } }] },
      ]) {
        const { errors } = await ask(asked, { where });
        expect(errors, JSON.stringify(where)).toMatchObject([
          {
            message: expect.stringContaining('`born`: "2026-02-30" is none') as string,
            extensions: { code: 'BAD_USER_INPUT' },
          },
        ]);
      }
    });

    // A store without them has no such test, rather than one that is skipped.
    if (hasAggregates)
      test(`answers ${grouped} random aggregates as rows in memory do, one statement each`, async () => {
        for (const name of Object.keys(tables) as (keyof typeof SHOP)[]) {
          const { list, filter, fields } = tables[name];
          const kinds = Object.fromEntries(Object.entries(fields).map(([field, [, kind]]) => [field, kind])) as Kinds;
          const rows = TENANTS['acme']!;
          const asking = fc.tuple(aggregates(kinds, rows[name]), fc.option(fc.integer({ min: 0 }), { nil: undefined }));
          await fc.assert(
            fc.asyncProperty(asking, async ([wanted, seed]) => {
              const where = seed === undefined ? undefined : randomFilter(random(seed), rows, name, 2);
              const text = queryOf(list, wanted, where === undefined ? undefined : '$where');
              const { data, errors, statements } = await ask(
                where === undefined ? text : `query($where: ${filter}) ${text}`,
                where === undefined ? {} : { where },
              );
              expect(errors).toBeUndefined();
              if (joins) expect(statements).toBe(1);
              // Of what nothing can match, none.
              else if (!leads(where ?? {})) expect(statements).toBeLessThanOrEqual(1);
              const query = { table: name, where, orderBy: [] };
              const told = aggregate(matching(rows, query), wanted, kinds, { status: Object.keys(STATUS) });
              const found = answered(data[`${list}Aggregate`], wanted, true);
              expect(normal(found, wanted, kinds)).toEqual(normal(told, wanted, kinds));
            }),
            { numRuns: Math.ceil(grouped / 3) },
          );
        }
      }, 300_000);

    if (hasAggregates)
      test(`answers ${grouped} random aggregates of what rows lead to as rows in memory do, one statement for all rows`, async () => {
        const links = Object.entries(tables).flatMap(([name, { links: of }]) =>
          Object.entries(of).flatMap(([field, link]) =>
            link.many ? [{ name: name as keyof ShopRows, field, link }] : [],
          ),
        );
        for (const { name, field, link } of links) {
          const { list, key } = tables[name];
          const to = link.to as keyof ShopRows;
          const kinds = Object.fromEntries(
            Object.entries(tables[to].fields).map(([each, [, kind]]) => [each, kind]),
          ) as Kinds;
          const rows = TENANTS['acme']!;
          const asking = fc.tuple(aggregates(kinds, rows[to]), fc.option(fc.integer({ min: 0 }), { nil: undefined }));
          await fc.assert(
            fc.asyncProperty(asking, async ([wanted, seed]) => {
              const where = seed === undefined ? undefined : randomFilter(random(seed), rows, to, 2);
              const text = `{ ${list}(first: 200) { nodes { ${key.join(' ')} ${fieldOf(`${field}Aggregate`, wanted, where === undefined ? undefined : '$where')} } } }`;
              const { data, errors, statements } = await ask(
                where === undefined ? text : `query($where: ${tables[to].filter}) ${text}`,
                where === undefined ? {} : { where },
              );
              expect(errors).toBeUndefined();
              if (joins) expect(statements).toBe(2);
              else if (!leads(where ?? {})) expect(statements).toBeLessThanOrEqual(1 + steps);
              const nodes = data[list].nodes as Record<string, unknown>[];
              expect(nodes).toHaveLength(rows[name].length);
              for (const node of nodes) {
                const row = rows[name].find((each) => key.every((part) => String(each[part]) === String(node[part])))!;
                const own = matching(rows, { table: to, where, orderBy: [] }, (other) => isLinked(link, row, other));
                const told = aggregate(own, wanted, kinds, { status: Object.keys(STATUS) });
                const found = answered(node[`${field}Aggregate`] as Answer, wanted, true);
                expect(normal(found, wanted, kinds)).toEqual(normal(told, wanted, kinds));
              }
            }),
            { numRuns: Math.ceil(grouped / links.length) },
          );
        }
      }, 300_000);

    if (hasAggregates)
      test('how many groups there are is told without reading any, and nothing is read for nothing', async () => {
        const found = vi.spyOn(shop.driver, 'aggregate');
        const of = async (selected: string) => {
          const field = `ordersAggregate(groupBy: [{ field: SHOP }, { field: NUMBER, width: 2 }], having: { not: { measure: SUM, field: NUMBER, eq: 3 } }, orderBy: [{ measure: COUNT }], first: 2) { ${selected} }`;
          const text = `query($off: Boolean!) { ${field} customers(first: 200) { nodes { ${field} } } kept: customers @include(if: $off) { totalCount } }`;
          const { data, errors } = await ask(text, { off: true });
          expect(errors, selected).toBeUndefined();
          return [
            data.ordersAggregate,
            ...data.customers.nodes.map((node: { ordersAggregate: unknown }) => node.ordersAggregate),
          ] as Answer[];
        };
        try {
          const whole = await of('totalCount truncated groups { count }');
          expect(whole[0]).toMatchObject({ truncated: true });
          found.mockClear();
          const counted = await of('totalCount truncated');
          expect(counted).toEqual(whole.map(({ totalCount, truncated }) => ({ totalCount, truncated })));
          expect(await of('truncated')).toEqual(whole.map(({ truncated }) => ({ truncated })));
          expect(await of('totalCount groups @skip(if: $off) { count max { number } }')).toEqual(
            whole.map(({ totalCount }) => ({ totalCount })),
          );
          const answers = await Promise.all(found.mock.results.map(({ value }) => value as Promise<Aggregated[]>));
          expect(answers).toHaveLength(6);
          expect(answers.flat().flatMap(({ groups }) => groups)).toEqual([]);
          found.mockClear();
          await of('__typename ... @skip(if: $off) { totalCount groups { count } }');
          expect(found).not.toHaveBeenCalled();
          const exactly = await of('groups { count }');
          expect(exactly).toEqual(whole.map(({ groups }) => ({ groups })));
          const read = await Promise.all(found.mock.results.map(({ value }) => value as Promise<Aggregated[]>));
          expect(Math.max(...read.flat().map(({ groups }) => groups.length))).toBe(2);
        } finally {
          found.mockRestore();
        }
      });

    test('rows by key: of the caller’s tenant, with keys of several columns', async () => {
      const [customer] = TENANTS['acme']!.customers;
      const [order] = TENANTS['acme']!.orders;
      const text =
        'query($id: BigInt!, $shop: Int!, $number: Int!) { customer(id: $id) { id name } order(shop: $shop, number: $number) { number note } }';
      const variables = { id: customer!['id'], shop: order!['shop'], number: order!['number'] };
      expect((await ask(text, variables)).data).toEqual({
        customer: { id: customer!['id'], name: customer!['name'] },
        order: { number: order!['number'], note: order!['note'] },
      });
      expect((await ask(text, variables, 'other')).data).toEqual({ customer: null, order: null });
      expect((await ask(text, { id: 404, shop: 0, number: 0 })).data).toEqual({ customer: null, order: null });
    });

    test('rows by the text of a key of several columns, as conditions of other stores ask for them', async () => {
      // Of every kind that a key may have, with columns that have no value.
      const keys: Partial<Record<string, readonly string[]>> = {
        Customer: ['born', 'balance', 'createdAt', 'name', 'id'],
        Order: ['status', 'placedAt', 'shop', 'number'],
      };
      const types = model.types.map((type) => ({ ...type, key: keys[type.name] ?? type.key, linkedAcross: true }));
      const keyed = askerOf(buildSchema({ ...model, types }, shop.driver));
      for (const { list, filter, key } of Object.values(tables)) {
        const text = `query($where: ${filter}) { rows: ${list}(where: $where, first: 200) { totalCount nodes { rowKey ${key.join(' ')} } } }`;
        const { nodes, totalCount } = (await keyed(text)).data.rows;
        expect(nodes.length).toBeGreaterThan(10);
        const rowKeys = (nodes as { rowKey: string }[]).map(({ rowKey }) => rowKey);
        expect(new Set(rowKeys).size).toBe(rowKeys.length);
        const some = rowKeys.filter((_, index) => index % 3 === 0);
        const found = async (rowKey: object, tenant?: string) =>
          (await keyed(text, { where: { rowKey } }, tenant)).data.rows;
        expect((await found({ in: [...some, '[]', 'no key', '["1"]', '{}', '"', '[1,2]'] })).nodes).toEqual(
          nodes.filter(({ rowKey }: { rowKey: string }) => some.includes(rowKey)),
        );
        expect((await found({ notIn: some })).totalCount).toBe(totalCount - some.length);
        expect((await found({ eq: rowKeys[1] })).nodes).toEqual([nodes[1]]);
        expect((await found({ ne: rowKeys[1] })).totalCount).toBe(totalCount - 1);
        expect((await found({ in: [] })).totalCount).toBe(0);
        expect((await found({ isNull: false })).totalCount).toBe(totalCount);
        expect((await found({ eq: null })).totalCount).toBe(0);
        expect((await found({ in: some }, 'nobody')).totalCount).toBe(0);
      }
      const within = await keyed('{ orders(first: 1, where: { orderLines: { some: {} } }) { nodes { rowKey } } }');
      const [{ rowKey }] = within.data.orders.nodes;
      const through = await keyed(
        'query($rowKey: ID) { orders(where: { orderLines: { some: { order: { rowKey: { eq: $rowKey } } } } }) { nodes { rowKey } } }',
        { rowKey },
      );
      expect(through.data.orders.nodes).toEqual([{ rowKey }]);
    });

    test('no way leads to rows of another tenant: lists, counts, links, filters along links', async () => {
      const { data } = await ask(
        `{ customers(first: 200) { totalCount nodes { id } }
           some: customers(where: { orders: { some: {} } }) { totalCount }
           none: customers(where: { orders: { none: {} } }) { totalCount }
           ${hasAggregates ? 'all: customersAggregate { groups { count sum { balance } } } groups: customersAggregate(groupBy: [{ field: NAME }]) { totalCount groups { count } }' : ''} }`,
        {},
        'nobody',
      );
      expect(data).toEqual({
        customers: { totalCount: 0, nodes: [] },
        some: { totalCount: 0 },
        none: { totalCount: 0 },
        ...(hasAggregates
          ? { all: { groups: [{ count: 0, sum: { balance: null } }] }, groups: { totalCount: 0, groups: [] } }
          : {}),
      });
    });

    test('several rows by key are one statement', async () => {
      const keys = TENANTS['acme']!.customers.map(({ id }) => id);
      const text = `{ ${keys.map((key, index) => `c${index}: customer(id: "${key}") { name }`).join(' ')} }`;
      const { data, statements } = await ask(text);
      expect(Object.values(data)).toEqual(TENANTS['acme']!.customers.map(({ name }) => ({ name })));
      expect(statements).toBe(1);
    });

    test('a cursor of another order, and what is no value of a column, are told', async () => {
      const { data } = await ask('{ customers(first: 1) { pageInfo { endCursor } } }');
      const after = data.customers.pageInfo.endCursor as string;
      const other = await ask(
        'query($after: String) { customers(after: $after, orderBy: [{ field: ID, direction: DESC }]) { nodes { id } } }',
        { after },
      );
      expect(other.errors).toMatchObject([{ message: expect.stringMatching(/cursor of another list or order/) }]);
      for (const where of [
        '{ born: { eq: "2025-02-30" } }',
        '{ balance: { eq: "1,5" } }',
        '{ name: { eq: "a\\u0000" } }',
      ]) {
        const { errors } = await ask(`{ customers(where: ${where}) { nodes { id } } }`);
        expect(errors, where).toHaveLength(1);
      }
      // A number that no row can have is told of, or is more than all of them.
      const past = await ask('{ customers(where: { id: { gt: "9223372036854775808" } }) { nodes { id } } }');
      expect(past.errors === undefined ? past.data.customers.nodes : []).toEqual([]);
    });
  });
}
