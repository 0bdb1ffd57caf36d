/** A file of sources from metadata of Hasura v2: tests/ops/fixtures/hasura has metadata in the forms that it is exported in. */
import { readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { graphql } from 'graphql';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse as parseYaml, stringify } from 'yaml';
import { INIT } from '#ops/sources/bounds.ts';
import { joinHasura, planHasura, type HasuraOptions } from '#ops/sources/hasura/index.ts';
import { mergeSource } from '#ops/sources/merge.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { SOURCES } from '#subgraphs/sources/bounds.ts';
import type { Catalog } from '#subgraphs/sources/driver.ts';
import { createPostgresSource } from '#subgraphs/sources/drivers/postgres/index.ts';
import { lookAt } from '#subgraphs/sources/index.ts';
import { buildModel } from '#subgraphs/sources/model/build.ts';
import { parseSources } from '#subgraphs/sources/model/read.ts';
import { buildSchema } from '#subgraphs/sources/schema/index.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';
import { shopOptions } from '#tests/setup/source-options.ts';
import { cleanEnvironment, startProgram } from './program.ts';

const FIXTURES = fileURLToPath(new URL('fixtures/hasura/', import.meta.url));
const METADATA = join(FIXTURES, 'metadata');

let database: TestDatabase;
let catalog: Catalog;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-hasura-'));
  database = await createTestDatabase();
  const client = new pg.Client(database.url);
  await client.connect();
  await client.query(readFileSync(join(FIXTURES, 'crm.sql'), 'utf8'));
  await client.end();
  catalog = await lookAt({
    kind: 'postgres',
    ...SOURCES,
    name: 'crm-db',
    variable: 'CRM_DATABASE_URL',
    url: () => database.url,
    schemas: ['public', 'sales'],
  });
});
afterAll(async () => {
  await database?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const OPTIONS: HasuraOptions = {
  path: METADATA,
  roles: [],
  tenantVariable: undefined,
  database: 'crm-db',
  from: undefined,
  name: undefined,
};

/** What becomes of metadata, beside the database of the fixtures. */
function carried(options: Partial<HasuraOptions> = {}) {
  const plan = planHasura({ ...OPTIONS, ...options });
  const { joined, across, notes } = joinHasura(
    plan,
    'postgres',
    plan.sources.map(({ schemas }) => ({
      ...catalog,
      tables: catalog.tables.filter(({ schema }) => schemas.includes(schema)),
    })),
  );
  const { text } = mergeSource(undefined, 'sources.yaml', joined[0]!.looked);
  return { text, across, notes: notes.map(({ at, told }) => `${at.replace(METADATA, 'metadata')}: ${told}`) };
}

/** Metadata in a folder of its own. @param change files that are otherwise, or not there */
async function written(change: Readonly<Record<string, string | undefined>>, from = METADATA): Promise<string> {
  const own = await mkdtemp(join(folder, 'metadata-'));
  await cp(from, own, { recursive: true });
  for (const [name, text] of Object.entries(change)) {
    await mkdir(dirname(join(own, name)), { recursive: true });
    if (text === undefined) await rm(join(own, name));
    else await writeFile(join(own, name), text);
  }
  return own;
}

/** Metadata of version 3 as one file. @param tables of its one database */
const single = (tables: unknown, more: object = {}) => ({
  version: 3,
  sources: [
    {
      name: 'default',
      kind: 'postgres',
      configuration: { connection_info: { database_url: { from_env: 'CRM_DATABASE_URL' } } },
      tables,
    },
  ],
  ...more,
});
async function asFile(value: unknown, name = 'metadata.json'): Promise<string> {
  const path = join(await mkdtemp(join(folder, 'file-')), name);
  await writeFile(
    path,
    typeof value === 'string' ? value : name.endsWith('.json') ? JSON.stringify(value) : stringify(value),
  );
  return path;
}

const own = { tenant_id: { _eq: 'X-Hasura-Tenant-Id' } };
const select = (filter: unknown, more: object = {}, role = 'user') => ({
  role,
  permission: { columns: '*', filter, ...more },
});

describe('what is carried over', () => {
  test('is names, relationships, whose rows they are, what may be seen and changed; tables that nobody may see are hidden', () => {
    const { text } = carried();
    expect(parseYaml(text)).toEqual({
      sources: {
        'crm-db': {
          kind: 'postgres',
          url: 'CRM_DATABASE_URL',
          schemas: ['public', 'sales'],
          tenancy: { column: 'tenant_id' },
          types: {
            'public.accounts': {
              name: 'Client',
              list: 'clients',
              item: 'client',
              description: 'Who buys from us.',
              limits: { max: 50 },
              columns: {
                display_name: { name: 'title', description: 'What the account is called.' },
                secret_note: { hide: true },
              },
            },
            'public.contacts': { aggregates: false, mutations: { insert: 'sources:write' } },
            'public.countries': { tenancy: 'shared', aggregates: false },
            'public.drafts': { hide: true },
            'public.internal_jobs': { hide: true },
            'public.never_tracked': { hide: true },
            'sales.deal_lines': { aggregates: false },
            'sales.deals': { aggregates: false },
          },
          links: [
            { from: 'public.contacts.account_id', to: 'public.accounts.id', name: 'client', back: 'people' },
            { from: 'sales.deals.account_ref', to: 'public.accounts.id', back: 'deals' },
            { from: 'public.contacts.reports_to', to: 'public.contacts.id', name: 'boss' },
            {
              from: 'sales.deal_lines(tenant_id, deal_number)',
              to: 'sales.deals(tenant_id, number)',
              name: 'deal',
              back: 'lines',
            },
          ],
        },
      },
    });
    expect(text).toMatch(
      /# hidden: which rows user may select is no tenant: \{"author":\{"_eq":"X-Hasura-User-Id"\}\}|# hidden: which rows user may select is no tenant: author is x-hasura-user-id/,
    );
    expect(text).toContain('# hidden: Hasura does not track it');
  });

  test('everything else is said, with file and line and what to do', () => {
    const tables = 'metadata/databases/crm-db/tables';
    const told = carried({ database: undefined }).notes;
    for (const [place, words] of [
      ['metadata/actions.yaml:2', /^an action \(sendInvoice\) is not carried over: name the service/],
      ['metadata/remote_schemas.yaml:1', /^a remote schema \(weather\)/],
      ['metadata/databases/databases.yaml:13', /^the database warehouse .*\(mssql\)/],
      ['metadata/databases/crm-db/functions/functions.yaml:1', /^a function \(search_contacts\).*view/],
      [`${tables}/tables.yaml:5`, /^public\.internal_jobs is hidden: no role may select it/],
      [`${tables}/tables.yaml:8`, /^public\.gone: the database has no such table/],
      [`${tables}/public_accounts.yaml:16`, /^public\.accounts: the name of the root field for insert/],
      [`${tables}/public_accounts.yaml:35`, /^public\.accounts: the computed field full_title.*generated column/],
      [`${tables}/public_accounts.yaml:54`, /^public\.accounts: auditor could select the rows of all tenants/],
      [
        `${tables}/public_accounts.yaml:60`,
        /^public\.accounts: update by user .* may not say created_at.*\{ update: sources:write \}/,
      ],
      [`${tables}/public_accounts.yaml:69`, /^public\.accounts: the event trigger account_created/],
      [
        `${tables}/public_accounts.yaml:1`,
        /^public\.accounts: secret_note is hidden, which not all of the roles user, auditor/,
      ],
      [`${tables}/public_contacts.yaml:11`, /^public\.contacts: the relationship author_of .*public\.drafts is hidden/],
      [`${tables}/public_contacts.yaml:45`, /^public\.contacts: delete by user .*no tenant/],
      [`${tables}/public_countries.yaml:4`, /^public\.countries: values of enum tables/],
      [`${tables}/public_drafts.yaml:5`, /^public\.drafts is hidden: .*x-hasura-user-id/],
      [`${tables}/sales_deals.yaml:1`, /^sales\.deals: its name "no name!" is no name here/],
      [`${tables}/sales_deals.yaml:8`, /^sales\.deals: there is no column "colour"/],
      [`${tables}/sales_deals.yaml:20`, /^sales\.deals: the relationship weather to a remote schema/],
      [`${tables}/sales_deal_lines.yaml:18`, /^sales\.deal_lines: insert by user .*backend_only/],
    ] as const)
      expect(
        told.filter((line) => line.startsWith(`${place}: `)).map((line) => line.slice(place.length + 2)),
        place,
      ).toEqual(expect.arrayContaining([expect.stringMatching(words)]));
    expect(told).toHaveLength(20);
  });

  test('of one role is what that role may see and do', () => {
    const text = carried({ roles: ['auditor'] }).text;
    const { types, tenancy } = parseYaml(text).sources['crm-db'];
    expect(tenancy).toBeUndefined();
    expect(types['public.accounts']).toMatchObject({ tenancy: 'shared', columns: { display_name: { name: 'title' } } });
    expect(types['public.accounts'].columns).not.toHaveProperty('secret_note');
    expect(types['public.contacts']).toEqual({ hide: true });
  });

  test('is served as it is written, and shows nobody more than Hasura did', async () => {
    const { text } = carried();
    const driver = createPostgresSource(shopOptions(database.url));
    try {
      const schema = buildSchema(buildModel('crm-db', parseSources(text, 'sources.yaml'), catalog), driver);
      const query = schema.getQueryType()!.getFields();
      expect(
        Object.keys(query)
          .filter((field) => !field.startsWith('_'))
          .sort(),
      ).toEqual([
        'client',
        'clients',
        'clientsAggregate',
        'contact',
        'contacts',
        'countries',
        'country',
        'deal',
        'dealLine',
        'dealLines',
        'deals',
      ]);
      const answered = await graphql({
        schema,
        source: `{ clients(orderBy: [{ field: TITLE }]) { nodes { title deals { nodes { number amount lines { totalCount } } }
          people(orderBy: [{ field: ID }]) { nodes { email boss { email client { title } } } } } }
          dealLines { nodes { deal { number } } } countries { nodes { title } } }`,
        contextValue: createRequestContext({ tenantId: 'default', subject: 'ada', roles: [], scopes: [] }),
      });
      expect(JSON.parse(JSON.stringify(answered))).toEqual({
        data: {
          clients: {
            nodes: [
              {
                title: 'Acme',
                deals: { nodes: [{ number: 'D-1', amount: '99.90', lines: { totalCount: 1 } }] },
                people: {
                  nodes: [
                    { email: 'ada@acme.example', boss: null },
                    { email: 'grace@acme.example', boss: { email: 'ada@acme.example', client: { title: 'Acme' } } },
                  ],
                },
              },
            ],
          },
          dealLines: { nodes: [{ deal: { number: 'D-1' } }] },
          countries: { nodes: [{ title: 'Germany' }] },
        },
      });
    } finally {
      await driver.close();
    }
  });

  test.each([
    ['version 3', (tables: unknown) => single(tables), undefined],
    ['what the API answers', (tables: unknown) => ({ resource_version: 7, metadata: single(tables) }), undefined],
    [
      'version 2, of before there were several databases',
      (tables: unknown) => ({ version: 2, tables }),
      'CRM_DATABASE_URL',
    ],
  ])('is the same of one file: %s', async (_, make, from) => {
    const tables = [
      { table: 'accounts', select_permissions: [select(own)] },
      {
        table: { name: 'contacts', schema: 'public' },
        object_relationships: [{ name: 'client', using: { foreign_key_constraint_on: 'account_id' } }],
        select_permissions: [select({ $and: [own, {}] })],
      },
    ];
    for (const name of ['metadata.json', 'metadata.yaml']) {
      const { text } = carried({ path: await asFile(make(tables), name), database: undefined, from });
      expect(parseYaml(text).sources.default).toMatchObject({
        tenancy: { column: 'tenant_id' },
        links: [{ from: 'contacts.account_id', to: 'accounts.id', name: 'client' }],
      });
    }
  });

  test('without any permission is everything that is tracked, and nobody has said whose rows they are', async () => {
    const path = await asFile(single([{ table: 'accounts' }]));
    const { text } = carried({ path, database: undefined });
    expect(parseYaml(text).sources.default).toMatchObject({
      types: { accounts: {}, contacts: { hide: true } },
    });
    expect(text).toContain('# tenancy: { column: tenant_id }');
    expect(() => parseSources(text, 'sources.yaml')).toThrow(/does not say whose rows/);
  });

  test.each([
    [{ tenant_id: { _in: 'X-Hasura-Allowed-Tenants' } }],
    [{ tenant_id: { _eq: 'acme' } }],
    [{ tenant_id: { _eq: 'X-Hasura-Tenant-Id', _neq: 'x' } }],
    [{ _or: [own, { tenant_id: { _is_null: true } }] }],
    [{ _not: own }],
    [{ _and: [own, { email: { _like: '%@acme.example' } }] }],
    [{ account: own }],
    [{ _exists: { _table: { name: 'accounts', schema: 'public' }, _where: own } }],
    [{ _and: own }],
    ['X-Hasura-Tenant-Id'],
    [[own]],
  ])('filters that say more than whose rows they are hide their table: %j', async (filter) => {
    const tables = [
      { table: 'accounts', select_permissions: [select(own)] },
      { table: 'contacts', select_permissions: [select(filter)] },
    ];
    const { text, notes } = carried({ path: await asFile(single(tables)), database: undefined });
    expect(parseYaml(text).sources.default.types.contacts).toEqual({ hide: true });
    expect(notes.join('\n')).toMatch(/metadata\.json:1: public\.contacts is hidden/);
  });
});

describe('metadata that cannot be is refused with file and line', () => {
  const tables = 'databases/crm-db/tables';
  const laughs = [
    '- &a0 [x, x, x, x, x, x, x, x, x, x]',
    ...Array.from({ length: 9 }, (_, index) => `- &a${index + 1} [${Array(10).fill(`*a${index}`).join(', ')}]`),
  ].join('\n');

  test.each<[string, Record<string, string | undefined>, RegExp]>([
    ['a version that is not known', { 'version.yaml': 'version: 1\n' }, /version\.yaml:1: version 1 is not known/],
    ['no version', { 'version.yaml': undefined }, /is no metadata of Hasura v2: it has no version\.yaml/],
    ['no YAML', { [`${tables}/tables.yaml`]: '- a\n- [b' }, /tables\.yaml:2: it is no YAML/],
    [
      'a key twice',
      { [`${tables}/tables.yaml`]: '- table: a\n  table: b\n' },
      /tables\.yaml:\d: it is no YAML: Map keys must be unique/,
    ],
    [
      'tables that are no list',
      { [`${tables}/tables.yaml`]: 'table: a\n' },
      /tables\.yaml:1: the tables of crm-db must be a list, and is a mapping/,
    ],
    [
      'a table without a name',
      { [`${tables}/tables.yaml`]: '- table: {schema: public}\n' },
      /tables\.yaml:1: a table's name is missing/,
    ],
    [
      'a table that is none',
      { [`${tables}/tables.yaml`]: '- x\n' },
      /tables\.yaml:1: a table must be a mapping, and is "x"/,
    ],
    [
      'a permission without a role',
      { [`${tables}/tables.yaml`]: '- table: a\n  select_permissions:\n    - permission: {}\n' },
      /tables\.yaml:3: a permission's role is missing/,
    ],
    [
      'columns that are no names',
      {
        [`${tables}/tables.yaml`]:
          '- table: a\n  select_permissions:\n    - role: u\n      permission: { columns: { a: b } }\n',
      },
      /tables\.yaml:4: columns must be a text, and is a mapping/,
    ],
    [
      'a file outside',
      { [`${tables}/tables.yaml`]: '- "!include ../../../../../../../../../../etc/passwd"\n' },
      /tables\.yaml:1: it includes a file outside/,
    ],
    [
      'a path from the root',
      { [`${tables}/tables.yaml`]: '- !include /etc/passwd\n' },
      /tables\.yaml:1: !include must name a file by its path from this one/,
    ],
    [
      'a file that is not there',
      { [`${tables}/tables.yaml`]: '- !include a.yaml\n' },
      /tables\.yaml:1: it includes "a\.yaml", which cannot be read \(ENOENT\)/,
    ],
    ['a folder', { [`${tables}/tables.yaml`]: '- !include .\n' }, /tables\.yaml:1: .*(is no file|EISDIR)/],
    [
      'a file that includes itself',
      { [`${tables}/tables.yaml`]: '- !include a.yaml\n', [`${tables}/a.yaml`]: '!include tables.yaml\n' },
      /a\.yaml:1: .*tables\.yaml includes itself/,
    ],
    [
      'files that include each other too deep',
      {
        [`${tables}/tables.yaml`]: '- !include a0.yaml\n',
        ...Object.fromEntries(
          Array.from({ length: 10 }, (_, index) => [`${tables}/a${index}.yaml`, `!include a${index + 1}.yaml\n`]),
        ),
      },
      /a5\.yaml:1: files include each other more than 8 deep/,
    ],
    [
      'aliases that repeat without end',
      { [`${tables}/tables.yaml`]: laughs },
      /tables\.yaml:\d+: there are more than 500000 values/,
    ],
    [
      'an alias of what it is in',
      { [`${tables}/tables.yaml`]: '&a [*a]\n' },
      /tables\.yaml:1: (it is nested more than 100 deep|it is no YAML)/,
    ],
    [
      'what is nested too deep',
      { [`${tables}/tables.yaml`]: `${'['.repeat(200)}${']'.repeat(200)}` },
      /tables\.yaml:1: it is nested more than 100 deep/,
    ],
    ['what is nested far too deep', { [`${tables}/tables.yaml`]: '['.repeat(10_000) }, /tables\.yaml:1: it is no YAML/],
    [
      'a tag',
      { [`${tables}/tables.yaml`]: '- !!js/function "x"\n- !env X\n' },
      /tables\.yaml:[12]: (the tag !env is not known|a table must be)/,
    ],
    [
      '10 MB of it',
      { [`${tables}/tables.yaml`]: '- table: abcdefghijklmnopqrstuvwxyz\n'.repeat(300_000) },
      /tables\.yaml:1: the file is longer than 4194304 bytes/,
    ],
    [
      'a database twice',
      { 'databases/databases.yaml': '- name: a\n- name: a\n' },
      /databases\.yaml:2: there are two databases of the name "a"/,
    ],
    [
      'a URL that is written out',
      {
        'databases/databases.yaml':
          '- name: crm-db\n  configuration: { connection_info: { database_url: "postgres://u:s3cret@h/d" } }\n',
      },
      /databases\.yaml:1: the URL of the database crm-db is not named by a variable/,
    ],
    [
      'a variable that is none',
      {
        'databases/databases.yaml':
          '- name: crm-db\n  configuration: { connection_info: { database_url: { from_env: "a b" } } }\n',
      },
      /databases\.yaml:1: "a b" is no name of a variable/,
    ],
  ])('%s', async (_, change, told) => {
    const path = await written(change);
    const plan = () => planHasura({ ...OPTIONS, path });
    expect(plan).toThrow(told);
    expect(plan).not.toThrow(/s3cret/);
  });

  test('what is no file, what is not there, links that lead outside, and what all files have together', async () => {
    expect(() => planHasura({ ...OPTIONS, path: join(folder, 'nowhere') })).toThrow(
      /nowhere cannot be read \(ENOENT\)/,
    );
    const path = await written({});
    await rm(join(path, 'actions.yaml'));
    await symlink('/etc/hostname', join(path, 'actions.yaml'));
    expect(() => planHasura({ ...OPTIONS, path })).toThrow(/it includes a file outside/);
    const large = `# ${'x'.repeat(INIT.fileBytes - 10)}\n`;
    const many = await written({ 'actions.yaml': large, 'allow_list.yaml': large, 'cron_triggers.yaml': large });
    expect(() => planHasura({ ...OPTIONS, path: many })).toThrow(/the files are longer than 8388608 bytes/);
  });

  test('options that do not fit it', async () => {
    const plan = (options: Partial<HasuraOptions>) => () => planHasura({ ...OPTIONS, ...options });
    expect(plan({ database: 'crm' })).toThrow(/no database "crm"\. Did you mean "crm-db"\?/);
    expect(plan({ database: 'warehouse' })).toThrow(/No database .* can be carried over: warehouse .* is mssql/);
    expect(plan({ roles: ['usr'] })).toThrow(/no permission of the role "usr"\. Did you mean "user"\?/);
    expect(plan({ tenantVariable: 'X-Hasura-Org-Id' })).toThrow(
      /No filter .* is one by "X-Hasura-Org-Id".* x-hasura-tenant-id/,
    );
    const two = [
      { table: 'accounts', select_permissions: [select({ tenant_id: { _eq: 'X-Hasura-Org-Id' } })] },
      { table: 'contacts', select_permissions: [select({ email: { _eq: 'X-Hasura-Email' } })] },
    ];
    const path = await asFile(single(two));
    expect(plan({ path, database: undefined })).toThrow(
      /several session variables: x-hasura-org-id \(1\), x-hasura-email \(1\)/,
    );
    const { text } = carried({ path, database: undefined, tenantVariable: 'X-Hasura-Org-Id' });
    expect(parseYaml(text).sources.default).toMatchObject({
      tenancy: { column: 'tenant_id' },
      types: { contacts: { hide: true } },
    });
    const both = single([], {});
    both.sources.push({ ...both.sources[0]!, name: 'second' });
    expect(plan({ path: await asFile(both), database: undefined, from: 'A_URL' })).toThrow(
      /2 databases .*--from or --name is of one/,
    );
  });
});

test('the command writes what is carried over, says the rest, keeps what was edited, and writes nothing where it fails', async () => {
  const file = join(folder, 'sources.yaml');
  const run = async (args: string[]) => {
    using program = startProgram(process.execPath, ['--import', 'tsx', 'ops/sources-init.ts', ...args, file], {
      env: cleanEnvironment({ CRM_DATABASE_URL: database.url }),
    });
    return { status: await program.exited(), output: program.output };
  };
  const bad = await written({ 'version.yaml': 'version: 4\n' });
  const refused = await run(['--hasura', bad]);
  expect(refused).toEqual({
    status: 1,
    output: expect.stringMatching(/version\.yaml:1: version 4 is not known.*Nothing was written/),
  });
  expect(await readdir(folder)).not.toContain('sources.yaml');
  const { status, output } = await run(['--hasura', METADATA]);
  expect({ status, output }).toEqual({
    status: 0,
    output: expect.stringContaining('Not carried over, or not as it was (20):'),
  });
  expect(output).toContain('set OIDC_TENANT_CLAIM to its claim');
  expect(output).not.toContain('mended');
  const first = await readFile(file, 'utf8');
  expect(first).not.toContain(new URL(database.url).password);
  await writeFile(file, first.replace('name: boss', 'name: manager').replace('name: Client', 'name: Buyer'));
  const { joined } = joinHasura(planHasura(OPTIONS), 'postgres', [catalog]);
  const edited = await readFile(file, 'utf8');
  expect(mergeSource(edited, file, joined[0]!.looked)).toMatchObject({ text: edited, added: 0, gone: [] });
}, 120_000);
