/**
 * Sources whose stores neither sort by any column nor follow links: they read rows that may match, and what they do not
 * check, sort and cut is done here, over a bounded number of rows.
 */
import { compareCodePoints } from '#subgraphs/shared/code-points.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import { byValue, compareNumbers, ExactNumber } from '#subgraphs/shared/exact-number.ts';
import type { Condition, Operand } from '#subgraphs/shared/filters/condition.ts';
import { checkOf } from '#subgraphs/shared/filters/holds.ts';
import type { JsonValue } from '#subgraphs/shared/json.ts';
import { SOURCES } from '../../bounds.ts';
import type {
  Catalog,
  CountRequest,
  ListRequest,
  OrderLevel,
  Parents,
  Relation,
  SourceDriver,
  SourceOptions,
  SourceRow,
} from '../../driver.ts';
import { comparableOf, textOf, valueOf } from './values.ts';

/** A row as it is kept, by column. */
export type StoredRow = Readonly<Record<string, JsonValue | undefined>>;

export interface Scan {
  readonly relation: Relation;
  /** Without links. What is read meets at least what the store checks of it. */
  readonly where: Condition | undefined;
  /** The text of the row behind which to begin, in the order of {@link RowStore.ordered}. */
  readonly after?: string | undefined;
}

/** What a kind of store has to do. */
export interface RowStore {
  introspect(schemas: readonly string[]): Promise<Catalog>;
  /** The column in whose order, rising, rows are read. */
  readonly ordered: string;
  /**
   * Reads rows of the tenant, page by page.
   * @param size of a page, about
   */
  pages(context: RequestContext, scan: Scan, size: number): AsyncIterable<readonly StoredRow[]>;
  /** Of rows that are answered, what reading them did not give. */
  readonly details?: {
    readonly columns: ReadonlySet<string>;
    /** @returns the rows with these columns, in their order */
    add(context: RequestContext, relation: Relation, rows: readonly StoredRow[]): Promise<readonly StoredRow[]>;
  };
  health: SourceDriver['health'];
  close: SourceDriver['close'];
}

interface Row {
  readonly stored: StoredRow;
  /** By field; made when it is first asked for. */
  readonly of: (field: string) => JsonValue | undefined;
}

export function scannedSource(store: RowStore, options: SourceOptions): SourceDriver {
  const source = new ScannedSource(store, options);
  return {
    introspect: (schemas) => store.introspect(schemas),
    list: (context, request) => source.list(context, request),
    count: (context, request) => source.count(context, request),
    health: () => store.health(),
    close: () => store.close(),
  };
}

class ScannedSource {
  readonly #store: RowStore;
  readonly #options: SourceOptions;

  constructor(store: RowStore, options: SourceOptions) {
    this.#store = store;
    this.#options = options;
  }

  async list(context: RequestContext, request: ListRequest): Promise<SourceRow[][]> {
    const { relation, parents, order, after, offset = 0, limit } = request;
    if (limit === 0) return (parents?.keys ?? [[]]).map(() => []);
    const inOrder =
      parents === undefined &&
      offset === 0 &&
      order.length === 1 &&
      order[0]!.direction === 'ASC' &&
      relation.columns[order[0]!.field]!.name === this.#store.ordered;
    const groups = await this.#rows(context, request, inOrder ? { after: after?.[0] ?? undefined, limit } : undefined);
    const behind = after === undefined ? undefined : isBehind(relation, order, after);
    const wanted = groups.map((rows) => {
      const from = behind === undefined ? rows : rows.filter(behind);
      const sorted = order.length === 0 ? from : [...from].sort(comparing(order));
      return sorted.slice(offset, offset + limit).map(({ stored }) => stored);
    });
    const whole = await this.#detailed(context, request, wanted);
    return whole.map((rows) => rows.map((stored) => rowOf(request, stored)));
  }

  async #detailed(
    context: RequestContext,
    { relation, fields }: ListRequest,
    groups: readonly (readonly StoredRow[])[],
  ): Promise<readonly (readonly StoredRow[])[]> {
    const { details } = this.#store;
    if (!details || !fields.some((field) => details.columns.has(relation.columns[field]!.name))) return groups;
    const added = await details.add(context, relation, groups.flat());
    let from = 0;
    return groups.map(({ length }) => added.slice(from, (from += length)));
  }

  async count(context: RequestContext, request: CountRequest): Promise<number[]> {
    return (await this.#rows(context, request)).map(({ length }) => length);
  }

  /**
   * The rows that match, of each parent.
   * @param first so many of those behind `after` in the store's own order are enough
   */
  async #rows(
    context: RequestContext,
    { relation, where, parents }: CountRequest,
    first?: { readonly after: string | undefined; readonly limit: number },
  ): Promise<Row[][]> {
    const { tenantId } = context.principal;
    const { onlyTenant, tenant } = relation;
    if (parents?.keys.length === 0) return [];
    const none = (parents?.keys ?? [[]]).map((): Row[] => []);
    if (onlyTenant !== undefined && onlyTenant !== tenantId) return none;
    const own = where === undefined ? undefined : await this.#plain(context, relation, where);
    const wanted = [
      ...(own === undefined ? [] : [own]),
      ...(parents === undefined ? [] : [ofParents(relation, parents)]),
    ];
    const condition = wanted.length === 0 ? undefined : ({ kind: 'and', of: wanted } satisfies Condition);
    const holds = condition && checkOf(condition, { left: SOURCES.checkedSteps });
    const rows: Row[] = [];
    let looked = 0;
    const scan = { relation, where: condition, after: first?.after };
    const size = first === undefined ? this.#options.scanned : first.limit;
    for await (const page of this.#store.pages(context, scan, size)) {
      looked += page.length;
      if (looked > this.#options.scanned) throw tooMany(this.#options, relation);
      for (const stored of page) {
        // The store was told; a driver that forgot it must not show it.
        if (tenant !== undefined && !isOf(tenantId, stored[tenant.name])) continue;
        const row = rowIn(relation, stored);
        if (holds === undefined || holds(row.of)) rows.push(row);
      }
      if (first !== undefined && rows.length >= first.limit) break;
    }
    if (parents === undefined) return [rows];
    const places = new Map(
      parents.keys.map((key, index) => [JSON.stringify(comparableKey(relation, parents, key)), index]),
    );
    const groups = none;
    for (const row of rows) {
      const place = places.get(JSON.stringify(parents.fields.map((field) => formOf(row.of(field)))));
      if (place !== undefined) groups[place]!.push(row);
    }
    return groups;
  }

  /** With operands as they compare, and links as what they lead to. @throws CodedError `BAD_USER_INPUT` */
  async #plain(context: RequestContext, relation: Relation, where: Condition): Promise<Condition> {
    switch (where.kind) {
      case 'and':
      case 'or':
        return { ...where, of: await Promise.all(where.of.map((part) => this.#plain(context, relation, part))) };
      case 'not':
        return { ...where, of: await this.#plain(context, relation, where.of) };
      case 'compare':
        return { ...where, value: operandOf(relation, where.column, where.value) };
      case 'in':
        return { ...where, values: where.values.map((value) => operandOf(relation, where.column, value)) };
      case 'linked': {
        const { to, pairs } = relation.links[where.link]!;
        const [others] = await this.#rows(context, { relation: to, where: where.of });
        const keys = new Map<string, readonly JsonValue[]>();
        for (const other of others!) {
          const key = pairs.map(([, theirs]) => other.of(theirs));
          if (key.every((value) => value !== undefined)) keys.set(JSON.stringify(key.map(formOf)), key);
        }
        return keysCondition(
          pairs.map(([mine]) => mine),
          [...keys.values()],
        );
      }
      default:
        return where;
    }
  }
}

/** What names no tenant is nobody's. */
const isOf = (tenantId: string, named: JsonValue | undefined): boolean => named != null && String(named) === tenantId;

const tooMany = ({ scanned, name }: SourceOptions, { table }: Relation) =>
  new CodedError(
    'QUERY_TOO_COSTLY',
    `The source ${name} would have to read more than ${scanned.toLocaleString('en')} rows of ${table}, which its store neither filters nor sorts.`,
    { hint: 'Filter by equality, or leave `orderBy` out. Operators may raise SOURCES_SCANNED_ROWS.' },
  );

function rowIn({ columns }: Relation, stored: StoredRow): Row {
  const made = new Map<string, JsonValue | undefined>();
  return {
    stored,
    of: (field) => {
      if (!made.has(field)) made.set(field, comparableOf(columns[field]!, stored[columns[field]!.name]));
      return made.get(field);
    },
  };
}

function rowOf({ relation: { columns }, fields, texts }: ListRequest, stored: StoredRow): SourceRow {
  const of = <Value>(names: readonly string[], read: (column: Relation['columns'][string], raw: unknown) => Value) =>
    Object.fromEntries(names.map((field) => [field, read(columns[field]!, stored[columns[field]!.name])]));
  return { values: of(fields, valueOf), texts: of(texts, textOf) };
}

function operandOf({ columns }: Relation, field: string, value: Operand): Operand {
  const column = columns[field]!;
  const comparable = comparableOf(column, value);
  if (comparable === undefined || (typeof comparable === 'string' && comparable.includes('\0')))
    throw badUserInput('A value is none that its column can hold.');
  return comparable as Operand;
}

/** Of parents that have no such value, none. */
function ofParents(relation: Relation, parents: Parents): Condition {
  const keys = parents.keys.map((key) =>
    parents.fields.map((field, index) => comparableOf(relation.columns[field]!, key[index])),
  );
  return keysCondition(
    parents.fields,
    keys.filter((key): key is JsonValue[] => key.every((value) => value !== undefined)),
  );
}

function keysCondition(fields: readonly string[], keys: readonly (readonly JsonValue[])[]): Condition {
  const valuesOf = (index: number) => keys.map((key) => key[index] as Operand);
  const each = fields.map((column, index): Condition => ({ kind: 'in', column, values: valuesOf(index) }));
  if (fields.length === 1 || keys.length === 0) return each[0]!;
  // The store finds what may match by each column; which belong together is looked at here.
  const together: Condition = {
    kind: 'or',
    of: keys.map((key) => ({
      kind: 'and',
      of: fields.map((column, index) => ({ kind: 'compare', column, operator: '=', value: key[index] as Operand })),
    })),
  };
  return { kind: 'and', of: [...each, together] };
}

const comparableKey = ({ columns }: Relation, { fields }: Parents, key: readonly string[]) =>
  fields.map((field, index) => formOf(comparableOf(columns[field]!, key[index])));

/** One text for equal values. */
const formOf = (value: JsonValue | undefined): unknown =>
  value instanceof ExactNumber || typeof value === 'number' ? String(byValue(value)) : (value ?? null);

/** What has no value counts as the largest. */
function compareValues(a: JsonValue | undefined, b: JsonValue | undefined): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  if (typeof a === 'string' && typeof b === 'string') return compareCodePoints(a, b);
  if (typeof a === 'boolean' || typeof b === 'boolean') return Number(a) - Number(b);
  return compareNumbers(a as number | ExactNumber, b as number | ExactNumber);
}

const comparing =
  (order: readonly OrderLevel[]) =>
  (a: Row, b: Row): number => {
    for (const { field, direction } of order) {
      const way = compareValues(a.of(field), b.of(field));
      if (way !== 0) return direction === 'ASC' ? way : -way;
    }
    return 0;
  };

function isBehind(relation: Relation, order: readonly OrderLevel[], after: readonly (string | null)[]) {
  const bounds = order.map(({ field }, index) => {
    const text = after[index] ?? null;
    const value = comparableOf(relation.columns[field]!, text);
    if (text !== null && value === undefined) throw badUserInput('A value is none that its column can hold.');
    return value;
  });
  return (row: Row): boolean => {
    for (const [index, { field, direction }] of order.entries()) {
      const way = compareValues(row.of(field), bounds[index]);
      if (way !== 0) return direction === 'ASC' ? way > 0 : way < 0;
    }
    return false;
  };
}
