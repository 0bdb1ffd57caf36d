/** One tracked table of metadata. */
import { INIT } from '../bounds.ts';
import type { Action, Named, Note, Permission, Relationship, Rows, Table } from './metadata.ts';
import { fieldsOf, isTrue, itemsOf, neededText, shown, textOf, textsOf, wrongAt, type Placed } from './placed.ts';

/** What a table may have that is read here. */
const KNOWN = new Set([
  ...['table', 'configuration', 'is_enum', 'object_relationships', 'array_relationships', 'remote_relationships'],
  ...['select_permissions', 'insert_permissions', 'update_permissions', 'delete_permissions'],
  ...['computed_fields', 'event_triggers', 'apollo_federation_config', 'logical_model'],
]);

const ACTIONS: readonly Action[] = ['select', 'insert', 'update', 'delete'];

/** @param notes gets what is not carried over */
export function readTable(placed: Placed, notes: Note[]): Table {
  const fields = fieldsOf(placed, 'a table');
  const named = readName(fields.get('table'), placed);
  const id = `${named.schema}.${named.name}`;
  const say = (at: string, told: string): void => void notes.push({ at, told: `${id}: ${told}` });
  for (const [key, { at }] of fields) if (!KNOWN.has(key)) say(at, `\`${key}\` is not known, and not carried over.`);
  const each = (key: string, what: string, todo: string): void => {
    for (const item of itemsOf(fields.get(key), `${key} of ${id}`)) {
      const name = textOf(fieldsOf(item, what).get('name'), 'its name');
      say(item.at, `the ${what}${name === undefined ? '' : ` ${name}`} is not carried over: ${todo}.`);
    }
  };
  each('computed_fields', 'computed field', 'make it a column of a view, or a generated column');
  each('event_triggers', 'event trigger', 'call its webhook from a trigger, or from what follows a log of the table');
  if (isTrue(fields.get('is_enum')))
    say(
      fields.get('is_enum')!.at,
      'values of enum tables are no enum here: its rows are a list as of other tables. Make the columns that refer to it an enum of PostgreSQL, where one is wanted.',
    );
  const configuration = fieldsOf(fields.get('configuration'), `the configuration of ${id}`);
  const roots = fieldsOf(configuration.get('custom_root_fields'), `custom_root_fields of ${id}`);
  const root = (key: string): string | undefined => {
    const given = roots.get(key);
    return textOf(given?.value instanceof Map ? fieldsOf(given, key).get('name') : given, key);
  };
  for (const [key, { at, value }] of roots)
    if (value !== null && key !== 'select' && key !== 'select_by_pk')
      say(
        at,
        `the name of the root field for ${key} is not carried over: it is made of the type's \`name\` and \`list\`.`,
      );
  return {
    at: placed.at,
    ...named,
    typeName: textOf(configuration.get('custom_name'), 'custom_name'),
    list: root('select'),
    item: root('select_by_pk'),
    comment: textOf(configuration.get('comment'), 'the comment') || undefined,
    columns: readColumns(configuration, id),
    relationships: [
      ...readRelationships(fields.get('object_relationships'), id, false, say),
      ...readRelationships(fields.get('array_relationships'), id, true, say),
      ...readRemote(fields.get('remote_relationships'), id, say),
    ],
    permissions: ACTIONS.flatMap((action) =>
      itemsOf(fields.get(`${action}_permissions`), `${action}_permissions of ${id}`).map((item) =>
        readPermission(item, action, id, say),
      ),
    ),
  };
}

type Say = (at: string, told: string) => void;

/** `users`, or `{ schema, name }`. */
function readName(placed: Placed | undefined, owner: Placed): Named {
  if (placed === undefined) throw wrongAt(owner.at, "a table's name is missing.");
  if (!(placed.value instanceof Map)) return { schema: 'public', name: neededText(placed, "a table's name", owner) };
  const fields = fieldsOf(placed, 'a table');
  return {
    schema: textOf(fields.get('schema'), 'the schema') ?? 'public',
    name: neededText(fields.get('name'), "a table's name", placed),
  };
}

function readColumns(configuration: ReadonlyMap<string, Placed>, id: string): Table['columns'] {
  const columns = new Map<string, { at: string; name?: string; comment?: string }>();
  for (const [column, placed] of fieldsOf(configuration.get('custom_column_names'), `custom_column_names of ${id}`)) {
    const name = textOf(placed, 'a name');
    columns.set(column, { at: placed.at, ...(name === undefined ? {} : { name }) });
  }
  for (const [column, placed] of fieldsOf(configuration.get('column_config'), `column_config of ${id}`)) {
    const fields = fieldsOf(placed, `column_config of ${column}`);
    const name = textOf(fields.get('custom_name'), 'custom_name') ?? columns.get(column)?.name;
    const comment = textOf(fields.get('comment'), 'the comment');
    columns.set(column, {
      at: placed.at,
      ...(name === undefined ? {} : { name }),
      ...(comment === undefined || comment === '' ? {} : { comment }),
    });
  }
  return columns;
}

function* readRelationships(list: Placed | undefined, id: string, many: boolean, say: Say): Generator<Relationship> {
  for (const placed of itemsOf(list, `relationships of ${id}`)) {
    const fields = fieldsOf(placed, 'a relationship');
    const name = neededText(fields.get('name'), "a relationship's name", placed);
    const using = fieldsOf(fields.get('using'), `what ${name} uses`);
    const key = using.get('foreign_key_constraint_on');
    const manual = using.get('manual_configuration');
    if (key !== undefined && key.value instanceof Map) {
      const on = fieldsOf(key, 'foreign_key_constraint_on');
      const columns = [...textsOf(on.get('columns'), 'columns'), ...textsOf(on.get('column'), 'column')];
      yield { at: placed.at, name, many, by: { kind: 'theirs', table: readName(on.get('table'), key), columns } };
    } else if (key !== undefined) {
      yield { at: placed.at, name, many, by: { kind: 'own', columns: textsOf(key, 'foreign_key_constraint_on') } };
    } else if (manual !== undefined) {
      const by = fieldsOf(manual, 'manual_configuration');
      const table = readName(by.get('remote_table'), manual);
      const pairs = readPairs(by.get('column_mapping'));
      yield { at: placed.at, name, many, by: { kind: 'equal', source: undefined, table, pairs } };
    } else say(placed.at, `what the relationship ${name} uses is not known; it is not carried over.`);
  }
}

/** Those that lead to other databases; to remote schemas there are none. */
function* readRemote(list: Placed | undefined, id: string, say: Say): Generator<Relationship> {
  for (const placed of itemsOf(list, `remote_relationships of ${id}`)) {
    const fields = fieldsOf(placed, 'a relationship');
    const name = neededText(fields.get('name'), "a relationship's name", placed);
    const to = fieldsOf(fields.get('definition'), `the definition of ${name}`).get('to_source');
    if (to === undefined) {
      say(
        placed.at,
        `the relationship ${name} to a remote schema is not carried over: make it an entity that both subgraphs have.`,
      );
      continue;
    }
    const by = fieldsOf(to, 'to_source');
    const source = neededText(by.get('source'), 'the source', to);
    const table = readName(by.get('table'), to);
    const pairs = readPairs(by.get('field_mapping'));
    const many = textOf(by.get('relationship_type'), 'relationship_type') === 'array';
    yield { at: placed.at, name, many, by: { kind: 'equal', source, table, pairs } };
  }
}

const readPairs = (mapping: Placed | undefined) =>
  [...fieldsOf(mapping, 'the mapping of columns')].map(
    ([own, other]) => [own, neededText(other, 'a column', other)] as const,
  );

function readPermission(placed: Placed, action: Action, id: string, say: Say): Permission {
  const fields = fieldsOf(placed, 'a permission');
  const role = neededText(fields.get('role'), "a permission's role", placed);
  const said = fieldsOf(fields.get('permission'), `the permission of ${role}`);
  const columns = said.get('columns');
  const limit = said.get('limit')?.value;
  const roots = [said.get('query_root_fields'), said.get('subscription_root_fields')].find(
    (field) => field !== undefined && field.value !== null,
  );
  if (roots !== undefined)
    say(roots.at, `which root fields ${role} has is not carried over: say \`hide\`, or \`aggregates: false\`.`);
  if (said.get('validate_input') !== undefined)
    say(
      said.get('validate_input')!.at,
      `the webhook that checks what ${role} writes is not carried over: make it a constraint or a trigger.`,
    );
  const all: Rows = { kind: 'all' };
  const rows = said.get('filter');
  const check = said.get('check');
  const presets = new Map(
    [...fieldsOf(said.get('set'), 'set')].map(([column, value]) => [column, shown(value, INIT.shownCharacters)]),
  );
  return {
    at: placed.at,
    action,
    role,
    columns: columns?.value === '*' || action === 'delete' ? '*' : textsOf(columns, 'columns'),
    rows: action === 'insert' || rows === undefined ? all : rowsOf(rows),
    check: check === undefined || check.value === null ? all : rowsOf(check),
    limit: typeof limit === 'number' && Number.isInteger(limit) && limit > 0 ? limit : undefined,
    aggregates: isTrue(said.get('allow_aggregations')),
    presets,
    backendOnly: isTrue(said.get('backend_only')),
  };
}

/** What a filter says of rows, where it says no more than whose they are. */
function rowsOf(filter: Placed): Rows {
  const other = (): Rows => ({ kind: 'other', at: filter.at, shown: shown(filter, INIT.shownCharacters) });
  if (!(filter.value instanceof Map)) return other();
  const parts = [...(filter.value as ReadonlyMap<string, Placed>)].map(([key, condition]): Rows => {
    const { value } = condition;
    if (/^[_$]and$/.test(key))
      return Array.isArray(value) ? allOf((value as readonly Placed[]).map(rowsOf), other) : other();
    if (/^[_$](or|not|exists)$/.test(key)) return other();
    // A value alone is what the column must be equal to.
    const operators =
      value instanceof Map ? [...(value as ReadonlyMap<string, Placed>)] : [['_eq', condition] as const];
    const [operator, operand] = operators[0] ?? [];
    const variable = operand?.value;
    return operators.length === 1 &&
      /^[_$]eq$/.test(operator!) &&
      typeof variable === 'string' &&
      /^x-hasura-/i.test(variable)
      ? { kind: 'variable', column: key, variable: variable.toLowerCase() }
      : other();
  });
  return allOf(parts, other);
}

/** What holds where all of several hold. */
function allOf(parts: readonly Rows[], other: () => Rows): Rows {
  const [first, ...more] = parts.filter(({ kind }) => kind !== 'all');
  if (first === undefined) return { kind: 'all' };
  const same = (part: Rows): boolean =>
    first.kind === 'variable' &&
    part.kind === 'variable' &&
    part.column === first.column &&
    part.variable === first.variable;
  return more.every(same) ? first : other();
}
