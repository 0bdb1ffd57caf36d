/** A file of sources from what a database says of itself: all of it as comments, and as entries what a person may edit. */
import { Document, parseDocument, YAMLMap, YAMLSeq, type Node, type Pair } from 'yaml';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import type { Catalog, CatalogTable } from '#subgraphs/sources/driver.ts';
import type { KindName } from '#subgraphs/sources/model/kinds.ts';
import type { AcrossInput, LinkInput, TypeInput } from '#subgraphs/sources/model/format.ts';
import { BUILT_IN } from '#subgraphs/sources/model/built-in.ts';
import { typesMadeOf } from '#subgraphs/sources/model/build.ts';
import { canBeWritten } from '#subgraphs/sources/model/mutations.ts';
import { fieldName, itemName, listName, typeName } from '#subgraphs/sources/model/names.ts';
import { RESERVED_TYPES } from '#subgraphs/sources/model/reserved.ts';

/** What is said of a table from elsewhere than its database. */
export interface SaidTable {
  readonly entry: TypeInput;
  /** A line of comment: why it is said. */
  readonly about?: string;
}

export type SaidLink = LinkInput;

/** What is said of a source from elsewhere than its store. */
export interface Said {
  readonly prefix: string | undefined;
  /** By the table's id. */
  readonly tables: ReadonlyMap<string, SaidTable>;
  readonly links: readonly SaidLink[];
  /** Whether it says whose rows these are. */
  readonly saysWhose: boolean;
}

export interface Looked {
  readonly name: string;
  readonly kind: KindName;
  readonly variable: string;
  readonly schemas: readonly string[];
  readonly tenancy: { column: string } | { tenant: string } | 'shared' | undefined;
  readonly catalog: Catalog;
  readonly said?: Said;
}

export interface Merged {
  readonly text: string;
  /** How many tables are new to the file. */
  readonly added: number;
  /** What the file has and the database no longer. */
  readonly gone: readonly string[];
  /** Whether the file does not say yet whose rows these are. */
  readonly undecided: boolean;
}

const HEAD = ` Stores of your own that join the API (docs/sources.md). Written by \`npm run sources:init\`, which adds what is new when it
 is run again and changes nothing that is here. Entries say what is to be otherwise than the database says; what stands in
 comments is so without being said.`;

/** What a person would say of a table whose rows are to be changed. */
const MUTATIONS =
  ' mutations: { insert: sources:write, update: sources:write, upsert: sources:write, delete: sources:write }';

/**
 * @param before the file as it is; undefined where there is none
 * @param path as it is printed in messages
 * @throws CodedError `BAD_USER_INPUT` for a file that is no YAML, or holds something else
 */
export function mergeSource(before: string | undefined, path: string, looked: Looked): Merged {
  const document = documentOf(before, path);
  const sources = document.get('sources') as YAMLMap;
  sources.flow = false;
  const { name, kind, variable, schemas, tenancy, catalog, said } = looked;
  if (!(sources.get(name) instanceof YAMLMap)) {
    const made = document.createNode({
      kind,
      url: variable,
      ...(schemas.length === 0 ? {} : { schemas }),
      ...(said?.prefix === undefined ? {} : { prefix: said.prefix }),
      ...(tenancy === undefined ? {} : { tenancy }),
      types: {},
    });
    if (schemas.length > 0) (made.get('schemas', true) as unknown as YAMLSeq).flow = true;
    if (tenancy === undefined && said?.saysWhose !== true)
      pairOf(made, 'types').key.commentBefore =
        ' tenancy: { column: tenant_id }   # each row has its tenant in this column of its table; or\n' +
        ' tenancy: { tenant: acme }        # all rows are of this tenant; or\n' +
        ' tenancy: shared                  # every caller of every tenant may read all rows';
    sources.set(name, made);
  }
  const source = sources.get(name) as YAMLMap;
  if (!(source.get('types') instanceof YAMLMap)) source.set('types', document.createNode({}));
  const types = source.get('types') as YAMLMap;
  types.flow = false;
  const several = schemas.length > 1;
  const idOf = (table: CatalogTable): string => (several ? table.id : table.name);
  const known = new Set(types.items.map(({ key }) => String((key as { value?: unknown }).value ?? key)));
  const fresh = catalog.tables.filter((table) => !known.has(table.id) && !known.has(table.name));
  const names = new Names(catalog, String(source.get('prefix') ?? ''));
  for (const { key, value } of types.items) names.take(String((key as { value?: unknown }).value ?? key), value);
  for (const table of fresh) {
    const given = said?.tables.get(table.id);
    const name = given?.entry.hide === true ? undefined : names.free(table, given?.entry.name);
    const columns = { ...columnNames(table), ...given?.entry.columns };
    const entry = {
      ...(name === undefined ? {} : { name }),
      ...given?.entry,
      ...(Object.keys(columns).length === 0 ? {} : { columns }),
    };
    types.set(document.createNode(idOf(table)), entryOf(document, entry));
    const about = aboutTable(table, catalog);
    const why = given?.about === undefined ? '' : `\n ${oneLine(given.about)}`;
    const mutations = given?.entry.mutations === undefined && given?.entry.hide !== true && canBeWritten(kind, table);
    pairOf(types, idOf(table)).key.commentBefore = `${about}${why}${mutations ? `\n${MUTATIONS}` : ''}`;
  }
  addLinks(document, source, said?.links ?? []);
  const gone = [...known].filter((id) => !catalog.tables.some((table) => table.id === id || table.name === id));
  const columnsGone = types.items.flatMap(({ key, value }) => {
    const id = String((key as { value?: unknown }).value ?? key);
    const table = catalog.tables.find((each) => each.id === id || each.name === id);
    const columns = value instanceof YAMLMap ? value.get('columns') : undefined;
    if (table === undefined || !(columns instanceof YAMLMap)) return [];
    return columns.items
      .map((column) => String((column.key as { value?: unknown }).value ?? column.key))
      .filter((column) => !table.columns.some((each) => each.name === column))
      .map((column) => `${id}: ${column}`);
  });
  return {
    text: document.toString({ lineWidth: 0 }),
    added: fresh.length,
    gone: [...gone, ...columnsGone],
    undecided: !source.has('tenancy') && !saysEach(types),
  };
}

/** {@link mergeSource}, of links from one source to another: those are added that the file has not. */
export function mergeAcross(before: string, path: string, links: readonly AcrossInput[]): string {
  if (links.length === 0) return before;
  const document = documentOf(before, path);
  addLinks(document, document.contents as YAMLMap, links);
  return document.toString({ lineWidth: 0 });
}

/** The file as it is, with a place for sources. */
function documentOf(before: string | undefined, path: string): Document {
  const document = before === undefined || before.trim() === '' ? new Document({ sources: {} }) : parseDocument(before);
  const [fault] = document.errors;
  if (fault !== undefined)
    throw badUserInput(`${path} is no YAML: ${fault.message.split('\n')[0]}`, {
      hint: 'Mend it, or write to another file.',
    });
  if (before === undefined) document.commentBefore = HEAD;
  if (!(document.get('sources') instanceof YAMLMap)) {
    if (document.has('sources') && document.get('sources') !== null)
      throw badUserInput(`${path} has something else under \`sources\`.`, { hint: 'Write to another file.' });
    document.set('sources', document.createNode({}));
  }
  return document as Document;
}

/** Whether each type says whose rows it has, or is hidden. */
const saysEach = (types: YAMLMap): boolean =>
  types.items.every(({ value }) => value instanceof YAMLMap && (value.has('tenancy') || value.get('hide') === true));

/** An entry as a person would write it: on one line each, what has only values. */
function entryOf(document: Document, entry: TypeInput): Node {
  const node = document.createNode(entry) as YAMLMap;
  for (const { value } of node.items) {
    if (!(value instanceof YAMLMap)) continue;
    const columns = value.items.filter((item) => item.value instanceof YAMLMap);
    for (const item of columns) (item.value as YAMLMap).flow = true;
    if (columns.length === 0) value.flow = true;
  }
  return node;
}

/** Adds those between whose ends there is none. */
function addLinks(document: Document, to: YAMLMap, links: readonly { from: string; to: string }[]): void {
  if (links.length === 0) return;
  if (!(to.get('links') instanceof YAMLSeq)) to.set('links', document.createNode([]));
  const list = to.get('links') as YAMLSeq;
  list.flow = false;
  const known = new Set(
    list.items.flatMap((item) =>
      item instanceof YAMLMap ? [`${String(item.get('from'))} ${String(item.get('to'))}`] : [],
    ),
  );
  for (const link of links) {
    if (known.has(`${link.from} ${link.to}`)) continue;
    const node = document.createNode(link) as YAMLMap;
    node.flow = true;
    list.add(node);
  }
}

/** Which names of types are taken, so that what is written is served as it is. */
class Names {
  readonly #prefix: string;
  readonly #taken: Set<string>;

  constructor({ enums }: Catalog, prefix: string) {
    this.#prefix = prefix;
    const own = enums.map(({ name }) => prefix + typeName(name));
    this.#taken = new Set([
      ...[...RESERVED_TYPES, ...own, ...own.map((name) => `${name}Filter`)],
      // The project's own, which another subgraph has.
      ...Object.keys(BUILT_IN).flatMap(made),
    ]);
  }

  #own(table: string): string {
    return this.#prefix + typeName(itemName(table));
  }

  /** Of a type that the file has. @param id as it is named there */
  take(id: string, settings: unknown): void {
    const said = settings instanceof YAMLMap ? settings.get('name') : undefined;
    this.#add(typeof said === 'string' ? said : this.#own(id.slice(id.lastIndexOf('.') + 1)));
  }

  /** @returns a name for it, where its own is taken; undefined where none need be said */
  free({ name: table }: CatalogTable, given: string | undefined): string | undefined {
    // Of a name in another script nothing is left.
    const own = given ?? (this.#own(table) || `${this.#prefix}Table`);
    const more = Array.from({ length: this.#taken.size }, (_, index) => `${own}Row${index === 0 ? '' : index + 1}`);
    const name = [own, ...more].find((each) => made(each).every((type) => !this.#taken.has(type))) ?? own;
    this.#add(name);
    return name === this.#own(table) || given !== undefined ? undefined : name;
  }

  #add(name: string): void {
    for (const type of made(name)) this.#taken.add(type);
  }
}

/** Names of columns of which nothing is left, or whose own another has. */
function columnNames({ columns }: CatalogTable): Record<string, { name: string }> {
  const taken = new Set<string>();
  return Object.fromEntries(
    columns.flatMap(({ name }): [string, { name: string }][] => {
      const own = fieldName(name);
      let free = own || 'column';
      for (let count = 2; taken.has(free); count++) free = `${own || 'column'}${count}`;
      taken.add(free);
      return free === own ? [] : [[name, { name: free }]];
    }),
  );
}

/** What is taken with a name, fields of the query included, which are no types. */
const made = (name: string): string[] => [...typesMadeOf(name), ` ${itemName(name)}`, ` ${listName(name)}`];

function pairOf(map: YAMLMap, key: string): Pair<Node> {
  const pair = map.items.find((item) => String((item.key as { value?: unknown }).value ?? item.key) === key)!;
  // A key that was given as a text has nowhere for a comment.
  if (typeof pair.key === 'string') pair.key = new Document(pair.key).contents;
  return pair as Pair<Node>;
}

/** What the database says of a table, as lines of comment. */
function aboutTable(table: CatalogTable, { enums }: Catalog): string {
  const about = [
    `${table.kind}${table.rows === undefined ? '' : `, about ${table.rows.toLocaleString('en-US')} rows`}${table.comment === undefined ? '' : `: ${oneLine(table.comment)}`}`,
    table.key === undefined
      ? 'no key: it is read as a list, by counting; say `key: [column, …]` where no two rows have the same'
      : `key: ${table.key.join(', ')}`,
    ...table.columns.map(({ name, native, list, nullable, enum: of, comment }) => {
      const values =
        of === undefined
          ? ''
          : ` (${enums
              .find(({ id }) => id === of)
              ?.values.map((value) => oneLine(value))
              .join(', ')})`;
      return `  ${name}: ${native.replace(/^pg_catalog\./, '').replaceAll('"', '')}${list ? '[]' : ''}${nullable ? '' : ' not null'}${values}${comment === undefined ? '' : `: ${oneLine(comment)}`}`;
    }),
    ...(table.unread ?? []).map(({ name, why }) => `  ${name}: left out, ${why}`),
    ...table.foreignKeys.map(
      ({ columns, to, toColumns }) => `  ${columns.join(', ')} → ${to} (${toColumns.join(', ')})`,
    ),
  ];
  return about.map((line) => ` ${line}`).join('\n');
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();
