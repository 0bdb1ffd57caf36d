import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'graphql';
import pg from 'pg';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEVELOPER } from '#gateway/auth/authenticator.ts';
import { compose } from '#gateway/supergraph/compose.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { subgraphSdl } from '#subgraphs/shared/subgraph-sdl.ts';
import { printedSubgraphs } from '#ops/schema.ts';
import { SOURCES } from '#subgraphs/sources/bounds.ts';
import { Sources } from '#subgraphs/sources/index.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';
import { fc } from '#tests/setup/property.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

const CRM = `
CREATE TYPE tier AS ENUM ('gold', 'base');
CREATE TABLE customers (id bigint PRIMARY KEY, tenant_id text NOT NULL, code text NOT NULL UNIQUE, name text NOT NULL, tier tier NOT NULL);
CREATE TABLE sites (region tier NOT NULL, number int NOT NULL, tenant_id text NOT NULL, name text NOT NULL, PRIMARY KEY (region, number), UNIQUE (name, number));
CREATE TABLE plans (number int PRIMARY KEY, tenant_id text NOT NULL, name text NOT NULL);
INSERT INTO plans SELECT n, CASE WHEN n = 7 THEN 'other' ELSE 'default' END, 'plan ' || n FROM generate_series(1, 7) n;
INSERT INTO customers SELECT n, 'default', 'C-' || n, 'Customer ' || n, 'gold' FROM generate_series(1, 60) n;
INSERT INTO customers VALUES (9007199254740993, 'default', 'C-big', 'Big', 'base'), (100, 'other', 'C-100', 'Eve', 'base');
INSERT INTO sites VALUES ('gold', 1, 'default', 'north'), ('base', 2, 'default', 'south');`;

const BILLING = `
CREATE TABLE invoices (
  id uuid PRIMARY KEY, tenant_id text NOT NULL, customer_id bigint, customer_code varchar(20), site_name text, site_number smallint,
  pdf_key text, document_id text, total numeric NOT NULL, plan_number smallint
);
CREATE TABLE notes (tenant_id text NOT NULL, customer_id bigint, body text);
INSERT INTO invoices
  SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'default', 1 + (n - 1) / 3, 'C-' || (1 + (n - 1) / 3), NULL, NULL, NULL, NULL, n
  FROM generate_series(1, 150) n;
INSERT INTO invoices VALUES
  ('00000000-0000-4000-9000-000000000001', 'default', 9007199254740993, 'C-big', 'north', 1, 'a/bill.txt', NULL, 0.10),
  ('00000000-0000-4000-9000-000000000002', 'default', 100, 'C-100', 'north', 2, 'nothing.txt', 'doc_nothing', 0.20),
  ('00000000-0000-4000-9000-000000000003', 'default', NULL, NULL, NULL, NULL, NULL, NULL, 0.30),
  ('00000000-0000-4000-9000-000000000004', 'other', 1, 'C-1', NULL, NULL, 'a/bill.txt', NULL, 0.40);
UPDATE invoices SET plan_number = floor(total)::int % 9;`;

const LINKS = `
links:
  - { from: billing.invoices.customer_id, to: crm.customers.id }
  - { from: billing.invoices.customer_code, to: crm.customers.code, name: byCode, back: invoicesByCode }
  - { from: 'billing.invoices(site_name, site_number)', to: 'crm.sites(name, number)', name: site }
  - { from: billing.invoices.plan_number, to: crm.plans.number, name: plan }
  - { from: billing.invoices.pdf_key, to: StoredObject.key }
  - { from: billing.invoices.document_id, to: Document.id }
  - { from: Document.metadata.customer.id, to: crm.customers.id, name: customer }
  - { from: Document.metadata.invoice, to: billing.invoices.id, name: invoice }
  - { from: Document.metadata.site, to: crm.sites.number, name: sites }
`;
const FILE = (links = LINKS) => `sources:
  crm: { kind: postgres, url: CRM_URL, tenancy: { column: tenant_id } }
  billing: { kind: postgres, url: BILLING_URL, tenancy: { column: tenant_id } }
${links}`;

async function databaseOf(sql: string): Promise<TestDatabase> {
  const database = await createTestDatabase();
  const client = new pg.Client(database.url);
  await client.connect();
  await client.query(sql);
  await client.end();
  return database;
}

describe('links across stores', () => {
  let folder: string;
  let crm: TestDatabase;
  let billing: TestDatabase;
  let it: TestServer;
  const file = (): string => join(folder, 'sources.yaml');

  const post = async (query: string, variables = {}) => {
    const response = await fetch(`${it.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-tributary-trace': 'true' },
      body: JSON.stringify({ query, variables }),
    });
    const { extensions, ...answer } = (await response.json()) as any; // eslint-disable-line @typescript-eslint/no-explicit-any -- answers
    return { answer, trace: extensions?.trace };
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tributary-links-'));
    [crm, billing] = await Promise.all([databaseOf(CRM), databaseOf(BILLING)]);
    await writeFile(file(), FILE());
    it = await startTestServer({ SOURCES: file(), CRM_URL: crm.url, BILLING_URL: billing.url });
  }, 120_000);
  afterAll(async () => {
    await it?.[Symbol.asyncDispose]();
    await Promise.all([crm?.[Symbol.asyncDispose](), billing?.[Symbol.asyncDispose]()]);
    await rm(folder, { recursive: true, force: true });
  });

  /** As a tenant, straight to the subgraph of a source. */
  const entities = async (source: string, tenantId: string, type: string, selection: string, of: readonly object[]) => {
    const context = createRequestContext({ ...DEVELOPER, tenantId });
    const { data, errors } = await it.services.clients.get(source)!.execute({
      document: parse(`query($of: [_Any!]!) { _entities(representations: $of) { ... on ${type} { ${selection} } } }`),
      operationType: 'query',
      variables: { of: of.map((each) => ({ __typename: type, ...each })) },
      context,
    });
    expect(errors).toBeUndefined();
    return {
      found: (JSON.parse(writeJson(data)) as { _entities: unknown[] })._entities,
      statements: context.statements.counts(),
    };
  };
  const invoice = (n: number, group = 9): string => `00000000-0000-4000-${group}000-${String(n).padStart(12, '0')}`;

  test('lead there and back, by one column, several, and one that is no key; to none of another tenant', async () => {
    const { answer } = await post(
      `{ invoices(where: { total: { lt: "1" } }, orderBy: [{ field: TOTAL }]) {
        nodes { total customer { id name } byCode { name } site { name region invoices { totalCount } } } } }`,
    );
    expect(answer).toEqual({
      data: {
        invoices: {
          nodes: [
            {
              total: '0.10',
              customer: { id: '9007199254740993', name: 'Big' },
              byCode: { name: 'Big' },
              site: { name: 'north', region: 'GOLD', invoices: { totalCount: 1 } },
            },
            // A customer of another tenant; a site that there is not.
            { total: '0.20', customer: null, byCode: null, site: null },
            { total: '0.30', customer: null, byCode: null, site: null },
          ],
        },
      },
    });
    const back = await post(
      `{ customer(id: "1") { name invoicesByCode { totalCount }
           invoices(first: 2, where: { total: { gte: "2" } }, orderBy: [{ field: TOTAL, direction: DESC }]) {
             totalCount nodes { total } pageInfo { hasNextPage endCursor } } } }`,
    );
    const { invoices } = back.answer.data.customer;
    expect(back.answer.data.customer).toMatchObject({
      name: 'Customer 1',
      invoicesByCode: { totalCount: 3 },
      invoices: { totalCount: 2, nodes: [{ total: '3' }, { total: '2' }], pageInfo: { hasNextPage: false } },
    });
    const next = await post(
      `query($after: String) { customer(id: 1) { invoices(first: 1, after: $after, where: { total: { gte: "1" } }, orderBy: [{ field: TOTAL, direction: DESC }]) { nodes { total } } } }`,
      { after: invoices.pageInfo.endCursor },
    );
    expect(next.answer.data.customer.invoices.nodes).toEqual([{ total: '1' }]);
  });

  test('cost one statement for each level and source, whatever the number of rows', async () => {
    const cost = async (first: number) => {
      const { answer, trace } = await post(
        `{ invoices(first: ${first}) { nodes { customer { name invoices(first: 2) { nodes { total customer { name } } } } } } }`,
      );
      expect(answer.errors).toBeUndefined();
      expect(answer.data.invoices.nodes).toHaveLength(first);
      return trace.statements as Record<string, number>;
    };
    expect(await cost(1)).toEqual({ postgres: 4 });
    expect(await cost(150)).toEqual({ postgres: 4 });
  });

  test('are aggregated from the other side, in one statement', async () => {
    const { answer, trace } = await post(
      `{ customers(orderBy: [{ field: ID }]) { nodes { id invoicesAggregate(where: { total: { lt: "6" } }) { groups { count sum { total } } }
           invoicesByCodeAggregate(groupBy: [{ field: PLAN_NUMBER }], having: { measure: COUNT, gt: 0 }, first: 1) { totalCount groups { keys { planNumber } count } } } }
         sites(where: { number: { eq: 1 } }) { nodes { invoicesAggregate { groups { max { total } distinct { customerId } } } } } }`,
    );
    expect(answer.errors).toBeUndefined();
    const { nodes } = answer.data.customers;
    expect(nodes.slice(0, 3)).toEqual([
      { id: 1, invoicesAggregate: { groups: [{ count: 3, sum: { total: '6' } }] }, invoicesByCodeAggregate: { totalCount: 3, groups: [{ keys: { planNumber: 1 }, count: 1 }] } }, // prettier-ignore
      { id: 2, invoicesAggregate: { groups: [{ count: 2, sum: { total: '9' } }] }, invoicesByCodeAggregate: { totalCount: 3, groups: [{ keys: { planNumber: 4 }, count: 1 }] } }, // prettier-ignore
      { id: 3, invoicesAggregate: { groups: [{ count: 0, sum: { total: null } }] }, invoicesByCodeAggregate: { totalCount: 3, groups: [{ keys: { planNumber: 0 }, count: 1 }] } }, // prettier-ignore
    ]);
    expect(answer.data.sites).toEqual({
      nodes: [{ invoicesAggregate: { groups: [{ max: { total: '0.10' }, distinct: { customerId: 1 } }] } }],
    });
    // Filters along links to other stores are taken there too.
    const { answer: led } = await post(
      `{ customers(where: { id: { in: [1, 2] } }) { nodes { invoicesAggregate(where: { customer: { name: { eq: "Customer 1" } } }) { groups { count } } } } }`,
    );
    expect(led).toEqual({
      data: { customers: { nodes: [3, 0].map((count) => ({ invoicesAggregate: { groups: [{ count }] } })) } },
    });
    // Customers and sites, and of each the aggregates that they lead to.
    expect(trace.statements).toEqual({ postgres: 5 });
  });

  test('lead to and from the project’s own types', async () => {
    const put =
      'mutation { putObject(input: { key: "a/bill.txt", contentType: "text/plain", content: "Pay.", encoding: UTF8 }) { object { key } } }';
    expect((await post(put)).answer.errors).toBeUndefined();
    const upsert = 'mutation($input: UpsertDocumentInput!) { upsertDocument(input: $input) { document { id } } }';
    const metadata = [
      { customer: { id: 1 }, invoice: invoice(1), site: 99_999_999_999 },
      { customer: { id: '9007199254740993' }, invoice: 'no uuid', site: 2 },
      { customer: { id: 'C-1' }, invoice: '' },
      { customer: { id: 100 }, invoice: invoice(4) }, // of another tenant
      { customer: { id: '99999999999999999999' }, invoice: null },
      { customer: { id: { id: 1 } } },
      { customer: 1 },
      {},
    ];
    const ids: string[] = [];
    for (const [index, each] of metadata.entries()) {
      const { answer } = await post(upsert, {
        input: { title: `D${index}`, source: `d/${index}`, mediaType: 'text/plain', text: 'Text.', metadata: each },
      });
      expect(answer.errors, JSON.stringify(each)).toBeUndefined();
      ids.push(answer.data.upsertDocument.document.id);
    }
    const { answer } = await post(
      `{ documents(orderBy: [{ field: TITLE }]) { nodes { title customer { name } invoice { total } sites { nodes { name } } } }
         object(key: "a/bill.txt") { invoices { totalCount nodes { total } } }
         paid: invoices(where: { pdfKey: { isNull: false } }, orderBy: [{ field: TOTAL }]) { nodes { pdf { key text } document { id title } } } }`,
    );
    expect(answer.errors).toBeUndefined();
    const nothing = { customer: null, invoice: null, sites: { nodes: [] } };
    expect(answer.data).toEqual({
      documents: {
        nodes: [
          { title: 'D0', customer: { name: 'Customer 1' }, invoice: { total: '0.10' }, sites: { nodes: [] } },
          { title: 'D1', customer: { name: 'Big' }, invoice: null, sites: { nodes: [{ name: 'south' }] } },
          ...[2, 3, 4, 5, 6, 7].map((n) => ({ title: `D${n}`, ...nothing })),
        ],
      },
      // Another tenant has an invoice of this key too.
      object: { invoices: { totalCount: 1, nodes: [{ total: '0.10' }] } },
      paid: {
        nodes: [
          { pdf: { key: 'a/bill.txt', text: 'Pay.' }, document: null },
          { pdf: { key: 'nothing.txt', text: null }, document: { id: 'doc_nothing', title: null } },
        ],
      },
    });
    const client = new pg.Client(billing.url);
    await client.connect();
    await client.query('UPDATE invoices SET document_id = $1 WHERE total = 0.30', [ids[0]]);
    await client.end();
    const led = await post(`{ document(id: "${ids[0]}") { invoices { nodes { total document { title } } } } }`);
    expect(led.answer.data.document.invoices.nodes).toEqual([{ total: '0.30', document: { title: 'D0' } }]);
  });

  describe('are filtered and sorted by, whichever way they lead', () => {
    type Row = Record<string, any>; // eslint-disable-line @typescript-eslint/no-explicit-any -- rows of the answer
    type Filter = readonly [input: object, holds: (row: Row) => boolean];
    let all: Record<'customers' | 'invoices' | 'documents' | 'sites', Row[]>;

    beforeAll(async () => {
      const { answer } = await post(`{
        customers(first: 200) { nodes { id name tier } }
        invoices(first: 200) { nodes { id total customer { id } byCode { id } plan { number name } site { id: rowKey } pdf { key size } document { id title } } }
        sites(first: 200) { nodes { id: rowKey region number name } }
        documents(first: 200) { nodes { id title customer { id } invoice { id } } } }`);
      expect(answer.errors).toBeUndefined();
      all = Object.fromEntries(
        Object.entries(answer.data as Row).map(([name, { nodes }]) => [name, nodes]),
      ) as typeof all;
      expect(all.invoices.length).toBeGreaterThan(150);
      const found = (rows: Row[], row: Row | null): Row | null => rows.find(({ id }) => id === row?.['id']) ?? null;
      for (const row of all.invoices) {
        for (const name of ['customer', 'byCode']) row[name] = found(all.customers, row[name]);
        // What is not there has a key and nothing else.
        if (row['pdf']?.size === null) row['pdf'] = null;
        row['document'] = found(all.documents, row['document']);
        row['site'] = found(all.sites, row['site']);
      }
      for (const row of all.documents)
        Object.assign(row, {
          customer: found(all.customers, row['customer']),
          invoice: found(all.invoices, row['invoice']),
        });
      for (const row of all.customers) {
        row['invoices'] = all.invoices.filter(({ customer }) => customer === row);
        row['invoicesByCode'] = all.invoices.filter(({ byCode }) => byCode === row);
      }
      // Their keys have two columns.
      for (const row of all.sites) row['invoices'] = all.invoices.filter(({ site }) => site === row);
      expect(all.sites.map(({ id, invoices }) => [id, invoices.length])).toEqual([
        ['["gold","1"]', 1],
        ['["base","2"]', 0],
      ]);
      expect(all.documents.filter(({ customer }) => customer !== null)).not.toHaveLength(0);
      expect(all.invoices.filter(({ document }) => document !== null)).not.toHaveLength(0);
    });

    const one = (name: string, of: fc.Arbitrary<Filter>): fc.Arbitrary<Filter> =>
      of.map(([input, holds]) => [{ [name]: input }, (row) => row[name] !== null && holds(row[name])]);
    const many = (name: string, of: fc.Arbitrary<Filter>): fc.Arbitrary<Filter> =>
      fc.tuple(fc.constantFrom('some', 'every', 'none'), of).map(([quantifier, [input, holds]]) => [
        { [name]: { [quantifier]: input } },
        (row) => {
          const rows = row[name] as Row[];
          return quantifier === 'every' ? rows.every(holds) : rows.some(holds) === (quantifier === 'some');
        },
      ]);
    const counted = (name: string): fc.Arbitrary<Filter> =>
      fc.integer({ min: 0, max: 4 }).map((gte) => [{ [name]: { count: { gte } } }, (row) => row[name].length >= gte]);
    const joined = (of: fc.Arbitrary<Filter>): fc.Arbitrary<Filter> =>
      fc
        .tuple(fc.constantFrom('and', 'or'), fc.array(of, { minLength: 1, maxLength: 2 }), fc.boolean())
        .map(([how, parts, negated]) => {
          const input = { [how]: parts.map(([part]) => part) };
          const holds = (row: Row): boolean =>
            how === 'and' ? parts.every(([, each]) => each(row)) : parts.some(([, each]) => each(row));
          return negated ? [{ not: input }, (row) => !holds(row)] : [input, holds];
        });
    const { customers, invoices, documents, sites } = fc.letrec<Record<keyof typeof all, Filter>>((tie) => ({
      customers: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.constantFrom<Filter>(
          [{}, () => true],
          [{ name: { endsWith: '1' } }, ({ name }) => String(name).endsWith('1')],
          [{ tier: { eq: 'BASE' } }, ({ tier }) => tier === 'BASE'],
          [{ id: { gt: '40' } }, ({ id }) => BigInt(id as string) > 40n],
        ),
        counted('invoices'),
        many('invoices', tie('invoices')),
        many('invoicesByCode', tie('invoices')),
        joined(tie('customers')),
      ),
      invoices: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.constantFrom<Filter>(
          [{}, () => true],
          [{ total: { lt: '40' } }, ({ total }) => Number(total) < 40],
          [{ plan: {} }, ({ plan }) => plan !== null],
          [{ plan: { name: { gt: 'plan 4' } } }, ({ plan }) => plan !== null && plan.name > 'plan 4'],
          [{ pdf: { size: { gt: '3' } } }, ({ pdf }) => pdf !== null],
        ),
        one('customer', tie('customers')),
        one('byCode', tie('customers')),
        one('document', tie('documents')),
        one('site', tie('sites')),
        joined(tie('invoices')),
      ),
      sites: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.constantFrom<Filter>(
          [{}, () => true],
          [{ region: { eq: 'GOLD' } }, ({ region }) => region === 'GOLD'],
          [{ rowKey: { in: ['["gold","1"]', '["gold","2"]'] } }, ({ number }) => number === 1],
        ),
        counted('invoices'),
        many('invoices', tie('invoices')),
        joined(tie('sites')),
      ),
      documents: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.constantFrom<Filter>([{}, () => true], [{ title: { gt: 'D0' } }, ({ title }) => title > 'D0']),
        one('customer', tie('customers')),
        one('invoice', tie('invoices')),
        joined(tie('documents')),
      ),
    }));

    test.each([
      ['customers', customers],
      ['invoices', invoices],
      ['documents', documents],
      ['sites', sites],
    ] as const)('%s, at random', async (list, filters) => {
      await fc.assert(
        fc.asyncProperty(filters, async ([where, holds]) => {
          const [type, id] = {
            customers: ['CustomerFilter', 'id'],
            invoices: ['InvoiceFilter', 'id'],
            documents: ['DocumentFilter', 'id'],
            sites: ['SiteFilter', 'id: rowKey'],
          }[list] as [string, string];
          const { answer } = await post(
            `query($where: ${type}) { list: ${list}(where: $where, first: 200) { totalCount nodes { ${id} } } }`,
            { where },
          );
          expect(answer.errors).toBeUndefined();
          const ids = (rows: Row[]): string[] => rows.map(({ id }) => id as string).sort();
          expect(ids(answer.data.list.nodes)).toEqual(ids(all[list].filter(holds)));
          expect(answer.data.list.totalCount).toBe(answer.data.list.nodes.length);
        }),
        { numRuns: 40 },
      );
    });

    test('orders too; of another tenant’s rows nothing is told', async () => {
      const { answer } = await post(`{
        customers(orderBy: [{ invoices: COUNT, direction: DESC }, { field: ID }], first: 2) { nodes { id invoices { totalCount } } }
        invoices(where: { plan: {} }, orderBy: [{ plan: { field: NAME, direction: DESC } }, { field: TOTAL }], first: 2) { nodes { total plan { name } } }
        objects(where: { invoices: { some: { total: { lt: "1" } } } }) { nodes { key } }
        few: customers(where: { id: { lt: "12" } }, orderBy: [{ invoices: COUNT }]) { nodes { id } }
        tiers: customers(where: { id: { gt: "58" } }, orderBy: [{ field: TIER, direction: DESC }, { invoices: COUNT }]) { nodes { id tier } }
        at_tier: invoices(where: { total: { in: ["0.10", "1"] } }, orderBy: [{ customer: { field: TIER, direction: DESC } }]) { nodes { total } }
        sites(orderBy: [{ invoices: COUNT, direction: DESC }], first: 1) { nodes { rowKey name } }
        at: invoices(where: { site: {} }, orderBy: [{ site: { field: NAME } }]) { nodes { total site { name } } }
        eve: invoices(where: { customer: { name: { eq: "Eve" } } }) { totalCount }
        seven: invoices(where: { plan: { number: { eq: 7 } } }) { totalCount } }`);
      expect(answer).toEqual({
        data: {
          customers: {
            nodes: [
              { id: 1, invoices: { totalCount: 3 } },
              { id: 2, invoices: { totalCount: 3 } },
            ],
          },
          invoices: {
            nodes: [
              { total: '6', plan: { name: 'plan 6' } },
              { total: '15', plan: { name: 'plan 6' } },
            ],
          },
          objects: { nodes: [{ key: 'a/bill.txt' }] },
          // Ties by id, as the number that it is; values of an enum in its own order.
          few: { nodes: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map((id) => ({ id })) },
          tiers: {
            nodes: [
              { id: '9007199254740993', tier: 'BASE' },
              { id: 59, tier: 'GOLD' },
              { id: 60, tier: 'GOLD' },
            ],
          },
          at_tier: { nodes: [{ total: '0.10' }, { total: '1' }] },
          sites: { nodes: [{ rowKey: '["gold","1"]', name: 'north' }] },
          at: { nodes: [{ total: '0.10', site: { name: 'north' } }] },
          eve: { totalCount: 0 },
          seven: { totalCount: 0 },
        },
      });
    });

    test('by how many of another store’s rows a link leads there', async () => {
      const fields = async (type: string): Promise<string[]> => {
        const { answer } = await post(`{ __type(name: "${type}") { inputFields { name } } }`);
        return answer.data.__type.inputFields.map(({ name }: Row) => name as string);
      };
      expect(await fields('InvoiceFilter')).toEqual(
        expect.arrayContaining(['customer', 'byCode', 'plan', 'pdf', 'document', 'site']),
      );
      expect(await fields('DocumentFilter')).toEqual(
        expect.arrayContaining(['customer', 'invoice', 'invoices', 'entities']),
      );
      expect(await fields('StoredObjectFilter')).toContain('invoices');
    });
  });

  test('of another tenant’s keys, nothing is found', async () => {
    const customers = [{ id: 1 }, { id: 100 }];
    const ask = (tenant: string) =>
      entities('billing', tenant, 'Customer', 'invoices { totalCount nodes { total } }', customers);
    expect(await ask('other')).toEqual({
      found: [{ invoices: { totalCount: 1, nodes: [{ total: '0.40' }] } }, { invoices: { totalCount: 0, nodes: [] } }],
      statements: { postgres: 2 },
    });
    const counted = { invoicesAggregate: { groups: [{ count: 0 }] } };
    const countedBy = async (tenant: string) =>
      (await entities('billing', tenant, 'Customer', 'invoicesAggregate { groups { count } }', customers)).found;
    expect(await countedBy('other')).toEqual([{ invoicesAggregate: { groups: [{ count: 1 }] } }, counted]);
    expect(await countedBy('nobody')).toEqual([counted, counted]);
    expect((await ask('nobody')).found).toEqual(customers.map(() => ({ invoices: { totalCount: 0, nodes: [] } })));
    // A representation says what is compared; it opens nothing.
    const sent = [1, 100, null].map((customerId, n) => ({ id: invoice(n), customerId }));
    const of = (tenant: string) => entities('crm', tenant, 'Invoice', 'customer { name }', sent);
    expect((await of('default')).found).toEqual([
      { customer: { name: 'Customer 1' } },
      { customer: null },
      { customer: null },
    ]);
    expect((await of('other')).found).toEqual([{ customer: null }, { customer: { name: 'Eve' } }, { customer: null }]);
    expect((await entities('crm', 'other', 'Customer', 'name', [{ id: 1 }])).found).toEqual([null]);
    expect(
      (
        await entities('crm', 'default', 'Document', 'customer { name }', [
          { id: 'doc_x', metadata: { customer: { id: 1 } } },
        ])
      ).found,
    ).toEqual([{ customer: { name: 'Customer 1' } }]);
  });

  test('compose without a hint', async () => {
    const sources = new Sources(
      {
        ...SOURCES,
        file: file(),
        cacheFolder: join(folder, 'cache'),
        valueOf: (variable) => (variable === 'CRM_URL' ? crm.url : billing.url),
      },
      { log: () => undefined, audit: () => Promise.resolve(), embedder: () => undefined },
    );
    try {
      const made = (await sources.load()).subgraphs.map(({ name, schema }) => ({ name, sdl: subgraphSdl(schema) }));
      const all = [...(await printedSubgraphs()), ...made];
      const { errors, hints } = compose(
        all.map((each) => ({ ...each, url: 'http://none', origin: each.name }) as never),
      );
      expect({ errors, hints }).toEqual({ errors: [], hints: [] });
    } finally {
      await sources.close();
    }
  }, 60_000);

  test.each([
    [
      '{ from: billing.invoices.customer_id, to: cmr.customers.id }',
      /sources\.yaml:5: there is no source "cmr"\. Did you mean "crm"\?/,
    ],
    [
      '{ from: billing.invoices.customer_id, to: crm.customer.id }',
      /:5: crm: there is no table "customer".*Did you mean "customers"\?/,
    ],
    [
      '{ from: billing.invoices.customer, to: crm.customers.id }',
      /:5: billing: public\.invoices has no column "customer"/,
    ],
    [
      '{ from: billing.invoices.customer_code, to: crm.customers.id }',
      /customer_code of billing is .*varchar.*, and id of crm is .*int8.*compares whole numbers, decimals or texts/,
    ],
    [
      "{ from: 'billing.invoices(site_name, site_number)', to: crm.sites.name }",
      /has 2 columns and crm\.sites\.name 1/,
    ],
    [
      '{ from: billing.notes.customer_id, to: crm.customers.id }',
      /Note has no key, so that no other store can add `customer` to it\. Give notes a `key`.*or say `name: false`/,
    ],
    [
      '{ from: billing.invoices.customer_id, to: crm.customers.id, name: total }',
      /Invoice has a field total already\. Say another `name`/,
    ],
    [
      '{ from: billing.invoices.customer_id, to: crm.customers.id, back: name }',
      /Customer has a field name already\. Say another `back`/,
    ],
    [
      '{ from: billing.invoices.customer_id, to: billing.invoices.id }',
      /both ends are of billing\. Say it in the `links` of that source/,
    ],
    [
      '{ from: Documents.id, to: crm.customers.code }',
      /there is no type Documents to link with\. Did you mean "Document"\?/,
    ],
    ['{ from: Document.metadata, to: crm.customers.code }', /Document\.metadata is JSON: say where in it/],
    ['{ from: Document.id.x, to: crm.customers.code }', /Document\.id is no JSON/],
    [
      '{ from: Document.text, to: crm.customers.code }',
      /Document has no field "text" to compare\..*It has id, source, metadata/,
    ],
    [
      '{ from: Document.source, to: crm.customers.id }',
      /id of public\.customers is .*int8.*, which cannot be compared with a text/,
    ],
    [
      '{ from: Document.metadata.c, to: crm.customers.tier }',
      /tier of public\.customers is .* which cannot be compared with a value in JSON/,
    ],
    [
      '{ from: Document.metadata.c, to: crm.customers.id, back: papers }',
      /rows cannot lead back to Document by Document\.metadata\.c: only Document\.id names one/,
    ],
    [
      '{ from: billing.invoices.document_id, to: Document.source }',
      /Document\.source does not name one Document: Document\.id does/,
    ],
    ['{ from: Document.id, to: Chunk.id }', /both of the project's own/],
    ['{ from: billing.invoices, to: crm.customers.id }', /:5: .*must be `source\.table\.column`/],
    [
      '{ from: Document.metadata.c, to: crm.customers.id, name: chunks }',
      /the field chunks of the type Document is also one of the subgraph relational\. Say another `name` or `back` of the link that leads to crm/,
    ],
    [
      '{ from: billing.invoices.customer_id, to: crm.customers.id }\n  - { from: billing.invoices.customer_code, to: crm.customers.code, name: other }',
      /:6: Customer has a field invoices already/,
    ],
  ])(
    '%s',
    async (link, told) => {
      await writeFile(file(), FILE(`links:\n  - ${link}\n`));
      await it.server.supergraph.reload();
      expect(it.server.supergraph.failure).toMatch(told);
    },
    60_000,
  );

  test('a link to a source that cannot be asked is left out until it can be', async () => {
    await writeFile(file(), FILE());
    await it.server.supergraph.reload();
    expect(it.server.supergraph.failure).toBeUndefined();
    await using other = await startTestServer({
      SOURCES: file(),
      CRM_URL: 'postgres://reader:word@127.0.0.1:1/crm',
      BILLING_URL: billing.url,
    });
    const response = await fetch(`${other.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        query:
          '{ invoices(first: 1, where: { total: { eq: "1" } }) { nodes { total } } __type(name: "Invoice") { fields { name } } }',
      }),
    });
    const { data } = (await response.json()) as any; // eslint-disable-line @typescript-eslint/no-explicit-any -- answers
    expect(data.invoices.nodes).toEqual([{ total: '1' }]);
    const fields = data.__type.fields.map(({ name }: { name: string }) => name);
    expect(fields).toContain('pdf');
    expect(fields).not.toContain('customer');
  }, 60_000);
});
