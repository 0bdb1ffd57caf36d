/** Reads metadata of Hasura v2: the folder that `hasura metadata export` writes, or the file of `export_metadata`. */
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { MetadataFiles, whereIs } from './files.ts';
import type { Database, Metadata, Note } from './metadata.ts';
import { fieldsOf, itemsOf, neededText, textOf, wrongAt, type Placed } from './placed.ts';
import { readTable } from './table.ts';

/** What metadata has beside databases, and what to do about it. */
const BESIDE: Readonly<Record<string, readonly [what: string, todo: string]>> = {
  actions: ['an action', 'name the service behind it as a subgraph in supergraph.yaml'],
  remote_schemas: ['a remote schema', 'name it as a subgraph in supergraph.yaml; it must be a federated one'],
  cron_triggers: ['a cron trigger', 'call its webhook from a scheduler'],
  query_collections: ['a collection of operations', 'write them to files and run `npm run persist`'],
  allow_list: ['an entry of the allow list', 'set PERSISTED_OPERATIONS and PERSISTED_OPERATIONS_MODE'],
  rest_endpoints: ['a REST endpoint', 'clients ask by GraphQL, or by the id of a persisted operation'],
  inherited_roles: ['an inherited role', 'callers have scopes in the place of roles (docs/scopes.md)'],
  api_limits: ['a limit of the API', 'see MAX_DEPTH, MAX_COST and RATE_LIMITS in docs/configuration.md'],
  custom_types: ['types of actions', 'they are those of the subgraph that has the actions'],
};

/** Of a database, and what to do about it. */
const OF_DATABASE: Readonly<Record<string, readonly [what: string, todo: string]>> = {
  functions: ['a function', 'make it a view, or a subgraph of your own'],
  native_queries: ['a native query', 'make it a view'],
  logical_models: ['a logical model', 'make what returns it a view'],
  stored_procedures: ['a stored procedure', 'make it a subgraph of your own'],
};

/** What says nothing of the API. */
const SILENT = new Set([
  ...['version', 'sources', 'tables', 'functions', 'resource_version', 'metadata'],
  ...['network', 'metrics_config', 'opentelemetry', 'backend_configs', 'graphql_schema_introspection'],
]);

/** @param path of the folder or file @throws CodedError `BAD_USER_INPUT` for what it cannot be, with file and line */
export function readMetadata(path: string): Metadata {
  const { folder, file } = whereIs(path);
  const files = new MetadataFiles(folder);
  return file === undefined ? ofFolder(files, path) : ofFile(files, file);
}

function ofFolder(files: MetadataFiles, path: string): Metadata {
  const version = files.read('version.yaml');
  if (version === undefined)
    throw badUserInput(`${path} is no metadata of Hasura v2: it has no version.yaml.`, {
      hint: 'Name the folder that `hasura metadata export` wrote (often hasura/metadata), or the file of `export_metadata`. Projects of Hasura DDN (v3) are not read.',
    });
  const parts = new Map<string, Placed>(fieldsOf(version, 'the file'));
  for (const name of [...Object.keys(BESIDE), 'tables', 'functions']) {
    const placed = files.read(`${name}.yaml`);
    if (placed !== undefined) parts.set(name, placed);
  }
  const databases = files.read('databases/databases.yaml') ?? files.read('databases.yaml');
  if (databases !== undefined) parts.set('sources', databases);
  return metadataOf(parts, version);
}

function ofFile(files: MetadataFiles, name: string): Metadata {
  const whole = files.read(name)!;
  const fields = fieldsOf(whole, 'the file');
  // What the API answers wraps it.
  const inner = fields.get('metadata');
  return metadataOf(inner === undefined ? fields : fieldsOf(inner, 'metadata'), inner ?? whole);
}

function metadataOf(parts: ReadonlyMap<string, Placed>, whole: Placed): Metadata {
  const notes: Note[] = [];
  const version = parts.get('version');
  if (version === undefined || ![2, 3].includes(version.value as number))
    throw wrongAt(
      (version ?? whole).at,
      `${version === undefined ? 'there is no version' : `version ${JSON.stringify(version.value)} is not known`}: metadata of versions 2 and 3 is read, as Hasura v2 writes it.`,
    );
  for (const [name, placed] of parts) {
    if (SILENT.has(name)) continue;
    const [what, todo] = BESIDE[name] ?? [`\`${name}\``, 'it has no counterpart here that this command knows of'];
    note(notes, placed, what, todo);
  }
  const sources = parts.get('sources');
  const databases = itemsOf(sources, 'the list of databases').map((placed) => readDatabase(placed, notes));
  // Before there were several databases, the one had no name.
  const own = parts.get('tables');
  if (own !== undefined) {
    databases.push({
      at: own.at,
      name: 'default',
      kind: 'postgres',
      variable: undefined,
      prefix: undefined,
      tables: itemsOf(own, 'tables').map((table) => readTable(table, notes)),
    });
    note(notes, parts.get('functions'), ...OF_DATABASE.functions!);
  }
  const twice = databases.find(({ name }, index) => databases.findIndex((each) => each.name === name) !== index);
  if (twice !== undefined)
    throw wrongAt(twice.at, `there are two databases of the name ${JSON.stringify(twice.name)}.`);
  if (databases.length === 0) throw wrongAt(whole.at, 'it names no database.');
  return { databases, notes };
}

/** Says of each item of a list, or of a mapping that is not empty, that it is not carried over. */
function note(notes: Note[], placed: Placed | undefined, what: string, todo: string): void {
  if (placed === undefined || placed.value === null) return;
  const items = Array.isArray(placed.value)
    ? (placed.value as readonly Placed[])
    : placed.value instanceof Map && Array.isArray(placed.value.get('actions')?.value)
      ? (placed.value.get('actions')!.value as readonly Placed[])
      : placed.value instanceof Map && placed.value.size === 0
        ? []
        : [placed];
  for (const item of items) {
    const { value } = item;
    const name =
      value instanceof Map
        ? [value.get('name'), value.get('role_name'), value.get('function')].find(Boolean)
        : undefined;
    const called =
      name?.value instanceof Map ? (name.value as ReadonlyMap<string, Placed>).get('name')?.value : name?.value;
    notes.push({
      at: item.at,
      told: `${what}${typeof called === 'string' ? ` (${called})` : ''} is not carried over: ${todo}.`,
    });
  }
}

function readDatabase(placed: Placed, notes: Note[]): Database {
  const fields = fieldsOf(placed, 'a database');
  const name = neededText(fields.get('name'), "a database's name", placed);
  const connection = fieldsOf(
    fieldsOf(fields.get('configuration'), `the configuration of ${name}`).get('connection_info'),
    `the connection_info of ${name}`,
  );
  const url = connection.get('database_url');
  const variable =
    url?.value instanceof Map ? textOf(fieldsOf(url, 'database_url').get('from_env'), 'from_env') : undefined;
  const customization = fieldsOf(fields.get('customization'), `the customization of ${name}`);
  const prefix = textOf(fieldsOf(customization.get('type_names'), 'type_names').get('prefix'), 'the prefix');
  const roots = customization.get('root_fields');
  if (roots !== undefined && fieldsOf(roots, 'root_fields').size > 0)
    notes.push({
      at: roots.at,
      told: `how root fields of ${name} are named is not carried over: say \`item\` and \`list\` of its types.`,
    });
  for (const [key, [what, todo]] of Object.entries(OF_DATABASE)) note(notes, fields.get(key), what, todo);
  return {
    at: placed.at,
    name,
    kind: textOf(fields.get('kind'), 'kind') ?? 'postgres',
    variable,
    prefix,
    tables: itemsOf(fields.get('tables'), `the tables of ${name}`).map((table) => readTable(table, notes)),
  };
}
