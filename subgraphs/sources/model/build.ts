/** The model of a source: what the store says of itself, as the operator's file would have it. */
import { PAGE } from '#subgraphs/shared/connections.ts';
import { likeliest } from '#subgraphs/shared/hints.ts';
import type { YamlFile, YamlPath } from '#subgraphs/shared/yaml-file.ts';
import type { Catalog, CatalogColumn, CatalogTable, OrderLevel, RelationColumn } from '../driver.ts';
import { linkAcross } from './across.ts';
import { declared } from './declared.ts';
import { changesOf } from './changes.ts';
import type { Draft, DraftSource } from './draft.ts';
import type { SourcesFile, SourceSettings, TenancySettings, TypeSettings } from './format.ts';
import { addLinks, type Linked } from './links.ts';
import {
  isGrouped,
  isSortable,
  type ModelColumn,
  type ModelEnum,
  type ModelVector,
  type SourceModel,
} from './model.ts';
import { mutationsOf } from './mutations.ts';
import { enumValueName, fieldName, itemName, listName, typeName } from './names.ts';
import { Faults, throwFaults, type Fault } from './read.ts';
import { RESERVED_FIELDS, RESERVED_TYPES } from './reserved.ts';

/**
 * Makes the models of the sources of which it is known what they hold.
 * @param catalogs by source; links to those that are missing are left out
 * @throws CodedError `BAD_USER_INPUT` with every fault, each with file and line
 */
export function buildModels(file: YamlFile<SourcesFile>, catalogs: ReadonlyMap<string, Catalog>): SourceModel[] {
  const built = attempt(file, catalogs);
  throwFaults(built.own);
  throwFaults(built.across);
  return built.models();
}

/** What is known of a source. */
export interface Known {
  /** What it holds now; where it cannot be asked, what it held when it could. */
  readonly catalog: Catalog;
  /** What it held when all that the file said then was there; undefined where nothing is known of that. */
  readonly good: Catalog | undefined;
  /** Whether it cannot be asked now. */
  readonly away: boolean;
}

/** What of the file is not served, since a store does not have it, or has something that is in its way. */
export interface LeftOut {
  /** The sources that it concerns. */
  readonly sources: readonly string[];
  /** With file and line, and what to do. */
  readonly reason: string;
}

/**
 * {@link buildModels}, but that what stores have lost or gained since they were last as the file has them costs that type, field, link
 * or subscription alone. A fault is the file's where there would be one with what the stores held then, or where nothing
 * is known of that; of a store that cannot be asked it is not known.
 * @throws CodedError `BAD_USER_INPUT` with every fault of the file
 */
export function buildWhatIsThere(
  file: YamlFile<SourcesFile>,
  known: ReadonlyMap<string, Known>,
): { readonly models: SourceModel[]; readonly leftOut: readonly LeftOut[] } {
  const of = (catalogOf: (of: Known) => Catalog) => new Map([...known].map(([name, each]) => [name, catalogOf(each)]));
  const first = attempt(
    file,
    of(({ catalog }) => catalog),
  );
  if (first.own.length === 0 && first.across.length === 0) return { models: first.models(), leftOut: [] };
  const before = attempt(
    file,
    of(({ good, catalog }) => good ?? catalog),
  );
  // What has come since takes no name from what was there.
  const now = attempt(
    file,
    of(({ good, catalog }) => knownFirst(catalog, good)),
  );
  const faulty = new Set([...before.own, ...before.across].map(({ path }) => JSON.stringify(path)));
  const isOfFile = ({ path, ofStore }: Fault): boolean =>
    !ofStore &&
    faulty.has(JSON.stringify(path)) &&
    !sourcesOf(file.data, path).some((name) => known.get(name)?.away === true);
  throwFaults(now.own.filter(isOfFile));
  throwFaults(now.across.filter(isOfFile));
  return {
    models: now.models().filter(({ types }) => types.length > 0),
    leftOut: [...now.own, ...now.across].map(({ path, told }) => ({
      sources: sourcesOf(file.data, path),
      reason: told,
    })),
  };
}

function knownFirst(catalog: Catalog, good: Catalog | undefined): Catalog {
  const ids = new Set(good?.tables.map(({ id }) => id));
  const isNew = ({ id }: CatalogTable): number => (ids.has(id) ? 0 : 1);
  return { ...catalog, tables: [...catalog.tables].sort((one, other) => isNew(one) - isNew(other)) };
}

/** The sources that a place in the file is about. */
function sourcesOf({ sources, links = [] }: SourcesFile, [top, at]: YamlPath): string[] {
  if (top === 'sources') return [String(at)];
  const link = top === 'links' ? links[Number(at)] : undefined;
  const ends = link === undefined ? [] : [link.from, link.to].map((end) => end.slice(0, end.indexOf('.')));
  return ends.filter((name) => Object.hasOwn(sources, name));
}

/** What can be made of the file: what has a fault is not in it. Faults of links between stores may come of those before. */
function attempt(file: YamlFile<SourcesFile>, catalogs: ReadonlyMap<string, Catalog>) {
  const [own, across] = [new Faults(file), new Faults(file)];
  const sources = [...catalogs].map(([name, catalog]) => new ModelBuilder(name, file, catalog, own).build());
  linkAcross(file.data, new Map(sources.map((source) => [source.name, source])), across);
  return { own: own.all, across: across.all, models: () => modelsOf(sources) };
}

function modelsOf(sources: readonly DraftSource[]): SourceModel[] {
  return sources.map(({ name, drafts, enums, stubs }) => ({
    source: name,
    types: [...drafts.values()].map(({ type, relation, mutations, changes }) => ({
      ...type,
      relation,
      mutations,
      changes,
    })),
    enums: [...enums.values()],
    stubs: [...stubs].map(([stub, { key, compared, links }]) => ({
      name: stub,
      key,
      compared: [...compared.values()],
      links,
    })),
  }));
}

/** {@link buildModels}, of one source. */
export const buildModel = (name: string, file: YamlFile<SourcesFile>, catalog: Catalog): SourceModel =>
  buildModels(file, new Map([[name, catalog]]))[0]!;

/** What the names of the types of a type's aggregates end with. */
const AGGREGATE_TYPES = [
  ...['Field', 'GroupKeys', 'GroupNumbers', 'GroupValues', 'GroupPercentiles', 'GroupDistinct'],
  ...['Group', 'GroupBy', 'Having', 'GroupOrder'],
];

/** All types that are made of one of this name. @param parts what it has @default everything */
export const typesMadeOf = (
  name: string,
  parts = { mutations: true, followed: true, aggregate: true, vectors: 2 },
): string[] =>
  [
    ...['', 'Filter', 'ListFilter', 'Order', 'OrderField', 'Connection', 'Edge'],
    ...(parts.mutations ? ['Insert', 'Update', 'Key', 'Unique'] : []),
    ...(parts.followed ? ['Change'] : []),
    ...['Match', 'Vector'].slice(0, parts.vectors),
    ...(parts.aggregate ? ['Aggregate', ...AGGREGATE_TYPES.map((end) => `Aggregate${end}`)] : []),
  ].map((end) => `${name}${end}`);

class ModelBuilder {
  readonly #source: string;
  readonly #settings: SourceSettings;
  readonly #catalog: Catalog;
  readonly #faults: Faults;
  /** Names of types that are taken, and by what. */
  readonly #names = new Map<string, string>();
  readonly #roots = new Map<string, string>();
  readonly #enums = new Map<string, ModelEnum>();
  /** Tables, as the file may name them, and enums that have a fault. */
  readonly #refused = new Set<string>();

  constructor(source: string, file: YamlFile<SourcesFile>, catalog: Catalog, faults: Faults) {
    this.#source = source;
    this.#settings = file.data.sources[source]!;
    this.#faults = faults;
    this.#catalog = declared(catalog, this.#settings, (path, message) => this.#fault(path, message));
  }

  build(): DraftSource {
    const { types = {}, schemas } = this.#settings;
    for (const named of Object.keys(types)) {
      if (this.#catalog.tables.some((table) => named === table.id || named === table.name)) continue;
      const known = this.#catalog.tables.map(({ id, name }) => (schemas.length > 1 ? id : name));
      const [meant] = likeliest(named, known);
      this.#fault(
        ['types', named],
        `there is no table or view ${JSON.stringify(named)} that may be read in ${schemas.join(', ') || 'the database of its URL'}.${meant === undefined ? '' : ` Did you mean ${JSON.stringify(meant)}?`} Correct the name, or take it out.`,
      );
    }
    const drafts = this.#catalog.tables.flatMap((table) => {
      const draft = this.#draft(table);
      if (draft === undefined && types[this.#pathOf(table)]?.hide !== true) this.#refused.add(table.id).add(table.name);
      return draft ?? [];
    });
    if (drafts.length === 0 && this.#refused.size === 0)
      this.#fault(
        ['schemas'],
        `there is no table or view that may be read in ${schemas.join(', ') || 'the database of its URL'}. Name other schemas, or grant the user what is in them.`,
      );
    const linked: Linked = {
      drafts: new Map(drafts.map((draft) => [draft.table.id, draft])),
      refused: this.#refused,
      links: this.#settings.links ?? [],
      fault: (path, message) => this.#fault(path, message),
    };
    addLinks(linked);
    for (const draft of drafts) {
      const { kind } = this.#settings;
      const faultOf = (what: string) => (message: string, ofStore?: boolean) =>
        this.#fault(['types', this.#pathOf(draft.table), what], message, ofStore);
      draft.mutations = mutationsOf(kind, draft, faultOf('mutations'));
      draft.changes = changesOf(kind, draft, faultOf('changes'));
    }
    return {
      name: this.#source,
      drafts: linked.drafts,
      refused: this.#refused,
      enums: this.#enums,
      names: this.#names,
      stubs: new Map(),
    };
  }

  #fault(path: readonly (string | number)[], message: string, ofStore?: boolean): void {
    this.#faults.add(['sources', this.#source, ...path], `${this.#source}: ${message}`, ofStore);
  }

  /** The name in the file, as it is or would be written. */
  #pathOf({ id, name }: CatalogTable): string {
    const { types = {} } = this.#settings;
    return id in types ? id : name;
  }

  #draft(table: CatalogTable): Draft | undefined {
    const { types = {}, prefix = '' } = this.#settings;
    const path = this.#pathOf(table);
    const settings: TypeSettings = types[path] ?? {};
    if (settings.hide === true) return undefined;
    const at = ['types', path];
    const tenancy = this.#tenancy(table, settings, at);
    // Whose rows they are is not known: nobody sees them.
    if (tenancy === undefined) return undefined;
    const tenant = tenantColumn(table, tenancy);
    const columns = this.#columns(table, settings, tenant?.name, at);
    if (columns.length === 0) {
      this.#fault(at, `${table.id} has no column that is shown. Hide the type, or show one.`);
      return undefined;
    }
    const fieldOf = new Map(columns.map(({ column, model }) => [column.name, model.field]));
    const own = prefix + typeName(itemName(table.name));
    const name = settings.name ?? own;
    if (name === '') {
      this.#fault(
        at,
        `the name of ${table.id} has nothing that GraphQL's names may have. Give it a \`name\` and a \`list\`.`,
      );
      return undefined;
    }
    const key = this.#key(table, settings, fieldOf, tenant?.name, at);
    const named = settings.name === undefined ? undefined : fieldName(settings.name);
    const prefixed = (field: string): string => (prefix === '' ? field : fieldName(prefix) + typeName(field));
    const item = settings.item ?? named ?? prefixed(itemName(table.name));
    const list = settings.list ?? (named === undefined ? prefixed(listName(table.name)) : listName(settings.name!));
    // What is made of a name that is taken is taken too: one fault says it.
    const models = columns.map(({ model }) => model);
    const aggregate = (settings.aggregates ?? this.#settings.aggregates) && models.some(isGrouped);
    const followed = settings.changes !== undefined;
    const vectors = this.#vectors(table, settings, at);
    const made = typesMadeOf(name, {
      mutations: settings.mutations !== undefined,
      followed,
      aggregate,
      vectors: vectors.length,
    });
    const roots = [
      list,
      ...(aggregate ? [`${list}Aggregate`] : []),
      ...(vectors.length > 0 ? [`${list}Nearest`] : []),
      ...(followed ? [`${list}Changed`] : []),
      ...(key.length > 0 ? [item] : []),
    ];
    const free =
      made.every((type) => this.#take(this.#names, type, table.id, at, 'type')) &&
      roots.every((root) => this.#take(this.#roots, root, table.id, at, 'root field'));
    if (!free) return undefined;
    const { limits = {} } = settings;
    const max = limits.max ?? Math.max(PAGE.max, limits.default ?? 0);
    const rows =
      table.rows === undefined || table.rows === 0 ? '' : ` About ${roughly(table.rows)} rows when it was looked at.`;
    const told = settings.description ?? table.comment ?? `A row of the ${table.kind} \`${table.id}\`.`;
    return {
      table,
      settings,
      tenant: tenant?.name,
      fieldOf,
      type: {
        name,
        item: key.length > 0 ? item : undefined,
        list,
        aggregate: aggregate ? `${list}Aggregate` : undefined,
        items: `rows of \`${table.id}\``,
        description: `${told}${key.length > 0 ? '' : ' It has no key: there is no field of one row, and pages are found by counting.'}${rows}`,
        columns: models,
        key,
        links: [],
        references: [],
        vectors,
        order: this.#order(settings, fieldOf, models, at),
        limits: { default: limits.default ?? Math.min(PAGE.default, max), max },
        linkedAcross: false,
      },
      relation: {
        schema: table.schema,
        table: table.name,
        columns: Object.fromEntries(columns.map(({ column, model }) => [model.field, relationColumn(column)])),
        links: {},
        tenant,
        onlyTenant: typeof tenancy === 'object' && 'tenant' in tenancy ? tenancy.tenant : undefined,
      },
    };
  }

  /** @returns whether nothing has the name yet */
  #take(taken: Map<string, string>, name: string, by: string, at: readonly string[], what: string): boolean {
    const before = taken.get(name);
    if (before !== undefined)
      this.#fault(
        at,
        `the ${what} ${name} of ${by} is also one of ${before}. Say another \`name\`, \`item\` or \`list\` of one of them.`,
      );
    else if (RESERVED_TYPES.has(name))
      this.#fault(
        at,
        `the ${what} ${name} of ${by} is one of the API's own. Say another \`name\` for it, or a \`prefix\` for the source.`,
      );
    else {
      taken.set(name, by);
      return true;
    }
    return false;
  }

  #tenancy(table: CatalogTable, settings: TypeSettings, at: readonly string[]): TenancySettings | undefined {
    const tenancy = settings.tenancy ?? this.#settings.tenancy;
    if (tenancy === undefined) {
      this.#fault(
        at,
        `nothing says whose rows ${table.id} has. Say its \`tenancy\` (a column, one tenant, or \`shared\`), or hide it.`,
      );
    } else if (typeof tenancy === 'object' && 'column' in tenancy && tenantColumn(table, tenancy) === undefined) {
      this.#fault(
        at,
        `${table.id} has no column ${JSON.stringify(tenancy.column)} to name the tenant of its rows. Say another \`tenancy\` for it (\`shared\`, where every tenant may read it), or hide it.`,
      );
      return undefined;
    }
    return tenancy;
  }

  #columns(
    table: CatalogTable,
    { columns: settings = {} }: TypeSettings,
    tenant: string | undefined,
    at: readonly string[],
  ) {
    for (const name of Object.keys(settings)) {
      if (table.columns.some((column) => column.name === name)) continue;
      this.#unknownColumn([...at, 'columns', name], table, name);
    }
    const fields = new Map<string, string>();
    return table.columns.flatMap((column): { column: CatalogColumn; model: ModelColumn }[] => {
      const { name, hide = column.name === tenant, description } = settings[column.name] ?? {};
      if (hide === true) return [];
      const place = [...at, 'columns', column.name];
      const field = name ?? fieldName(column.name);
      const taken = fields.get(field);
      const refuse = (message: string): [] => {
        this.#fault(place, message);
        return [];
      };
      if (field === '')
        return refuse(
          `the name of the column ${JSON.stringify(column.name)} of ${table.id} has nothing that GraphQL's names may have. Give it a \`name\`, or hide it.`,
        );
      if (taken !== undefined)
        return refuse(
          `the columns ${taken} and ${column.name} of ${table.id} would both be the field ${field}. Give one a \`name\`, or hide it.`,
        );
      if (RESERVED_FIELDS.has(field))
        return refuse(
          `the column ${column.name} of ${table.id} would be the field ${field}, which filters have for themselves. Give it a \`name\`, or hide it.`,
        );
      fields.set(field, column.name);
      const nullable = column.nullable || column.loose === true || (column.kind === 'float' && !column.list);
      const model: ModelColumn = {
        field,
        kind: column.kind,
        list: column.list,
        nullable,
        ...(column.unfiltered === true ? { unfiltered: true } : {}),
        ...(column.ungrouped === true ? { ungrouped: true } : {}),
        enum: column.enum === undefined ? undefined : this.#enum(column.enum, at),
        description: describe(column, description, nullable),
      };
      return [{ column, model }];
    });
  }

  #vectors(table: CatalogTable, { vectors: settings = {} }: TypeSettings, at: readonly string[]): ModelVector[] {
    const known = table.vectors ?? [];
    for (const name of Object.keys(settings)) {
      if (known.some((vector) => vector.name === name)) continue;
      const there = known.map((vector) => JSON.stringify(vector.name)).join(', ');
      this.#fault(
        [...at, 'vectors', name],
        `${table.id} has no vectors ${JSON.stringify(name)}. ${there === '' ? 'It has none that can be compared: take it out.' : `It has ${there}.`}`,
      );
    }
    return known
      .filter(({ name }) => settings[name]?.hide !== true)
      .map((vector) => ({ ...vector, model: settings[vector.name]?.model }));
  }

  #enum(id: string, at: readonly string[]): ModelEnum | undefined {
    const known = this.#enums.get(id);
    if (known !== undefined) return known;
    const found = this.#catalog.enums.find((each) => each.id === id);
    if (found === undefined) return undefined;
    const name = (this.#settings.prefix ?? '') + typeName(found.name);
    const names = new Set<string>();
    const values = found.values.map((value, index) => {
      let own = enumValueName(value) || `VALUE_${index + 1}`;
      while (names.has(own)) own += '_';
      names.add(own);
      return { name: own, value };
    });
    if (this.#refused.has(id)) return undefined;
    const made = [name, `${name}Filter`, `${name}ListFilter`];
    if (!made.every((type) => this.#take(this.#names, type, `the enum ${id}`, at, 'type'))) {
      this.#refused.add(id);
      return undefined;
    }
    const model = { name, description: found.comment ?? `One of the values of \`${id}\`.`, values };
    this.#enums.set(id, model);
    return model;
  }

  #key(
    table: CatalogTable,
    { key }: TypeSettings,
    fieldOf: ReadonlyMap<string, string>,
    tenant: string | undefined,
    at: readonly string[],
  ): string[] {
    const whole = key ?? table.key ?? [];
    const columns = whole.filter((column) => column !== tenant || fieldOf.has(column));
    const fields = columns.map((column) => fieldOf.get(column));
    for (const [index, column] of columns.entries())
      if (fields[index] === undefined && key !== undefined) this.#unknownColumn([...at, 'key', index], table, column);
    // A key of which a part is hidden is none.
    return fields.every((field) => field !== undefined) ? fields : [];
  }

  #order(
    { orderBy = [] }: TypeSettings,
    fieldOf: ReadonlyMap<string, string>,
    columns: readonly ModelColumn[],
    at: readonly string[],
  ): OrderLevel[] {
    return orderBy.flatMap(({ column, direction }, index) => {
      const field = fieldOf.get(column);
      const model = columns.find((each) => each.field === field);
      if (field !== undefined && model !== undefined && isSortable(model)) return [{ field, direction }];
      this.#fault(
        [...at, 'orderBy', index],
        `there is no column ${JSON.stringify(column)} to sort by. Name one that is not hidden and has an order.`,
      );
      return [];
    });
  }

  #unknownColumn(path: readonly (string | number)[], table: CatalogTable, name: string): void {
    const [meant] = likeliest(
      name,
      table.columns.map((column) => column.name),
    );
    this.#fault(
      path,
      `${table.id} has no column ${JSON.stringify(name)} that is shown.${meant === undefined || meant === name ? '' : ` Did you mean ${JSON.stringify(meant)}?`} Correct the name, or take it out.`,
    );
  }
}

/** Of a column that is the tenant's, which need not be shown. */
function tenantColumn(table: CatalogTable, tenancy: TenancySettings | undefined): RelationColumn | undefined {
  if (tenancy === undefined || typeof tenancy !== 'object' || !('column' in tenancy)) return undefined;
  const column = table.columns.find(({ name, list }) => name === tenancy.column && !list);
  return column && relationColumn(column);
}

const relationColumn = ({ name, kind, native, list, nullable, values, made }: CatalogColumn): RelationColumn => ({
  name,
  kind,
  native,
  list,
  nullable,
  ...(values === undefined ? {} : { values }),
  ...(made === undefined ? {} : { made }),
});

const WHAT: Partial<Record<CatalogColumn['kind'], string>> = {
  bytes: ' As base64.',
  other: ' As its text in the database.',
};

function describe(column: CatalogColumn, description: string | undefined, nullable: boolean): string {
  const told = (description ?? column.comment ?? `The column \`${column.name}\`.`).trim();
  const ended = /[.!?…]$/.test(told) ? told : `${told}.`;
  const empty = !nullable
    ? ''
    : column.nullable
      ? ' Null where it has no value.'
      : column.loose === true
        ? ' Null, with an error, where it holds what is no value of its type.'
        : ' Null, with an error, where it is no number (`NaN`) or infinite.';
  return `${ended}${WHAT[column.kind] ?? ''}${empty}`;
}

/** Two figures: it is an estimate, and must not make another schema of each look. */
function roughly(rows: number): string {
  const power = 10 ** Math.max(0, Math.floor(Math.log10(rows)));
  return (Math.round(rows / power) * power).toLocaleString('en-US');
}
