/**
 * Sources whose stores neither sort by any column nor follow links: they read rows that may match, and what they do not
 * check, sort and cut is done here, over a bounded number of rows.
 */
import { columnsOf, type Aggregated, type AggregatedKind } from '#subgraphs/shared/aggregates/aggregate.ts';
import { AggregateInMemory } from '#subgraphs/shared/aggregates/in-memory.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { byValue, ExactNumber } from '#subgraphs/shared/exact-number.ts';
import type { Condition, Operand } from '#subgraphs/shared/filters/condition.ts';
import { checkOf } from '#subgraphs/shared/filters/holds.ts';
import type { JsonValue } from '#subgraphs/shared/json.ts';
import { mapBounded } from '#subgraphs/shared/map-bounded.ts';
import { SOURCES } from '../../bounds.ts';
import type {
  Catalog,
  CountRequest,
  GroupsRequest,
  ListRequest,
  NearestRequest,
  NearRow,
  OrderLevel,
  Parents,
  Relation,
  SourceDriver,
  SourceOptions,
  SourceRow,
} from '../../driver.ts';
import { comparing, isBehind, rowIn, type Row, type StoredRow } from './order.ts';
import { unfitFor } from '../unfit.ts';
import { isTooMany, tooMany } from './too-many.ts';
import { comparableOf, textOf, valueOf } from './values.ts';

export type { StoredRow } from './order.ts';

export interface Scan {
  readonly relation: Relation;
  /** Without links. What is read meets at least what the store checks of it. */
  readonly where: Condition | undefined;
  /** The text of the row behind which to begin, in the order of {@link RowStore.ordered}. */
  readonly after?: string | undefined;
}

export interface OrderedScan extends Omit<Scan, 'after'> {
  readonly order: readonly OrderLevel[];
  readonly after: readonly (string | null)[] | undefined;
}

export interface Counted {
  /** The columns that they are counted by. */
  readonly stored: StoredRow;
  readonly count: number;
}

/** What a kind of store has to do. */
export interface RowStore {
  introspect(schemas: readonly string[]): Promise<Catalog>;
  /** The column in whose order, rising, rows are read; absent where that is none's. */
  readonly ordered?: string;
  /**
   * Reads rows of the tenant, page by page.
   * @param size of a page, about
   */
  pages(context: RequestContext, scan: Scan, size: number): AsyncIterable<readonly StoredRow[]>;
  /**
   * Reads rows of the tenant in an order, of a store that sorts by its first level; undefined where it does not by that one.
   * What is read meets at least what the store checks, and is in the order of all levels.
   */
  inOrder?(context: RequestContext, scan: OrderedScan, size: number): AsyncIterable<readonly StoredRow[]> | undefined;
  /**
   * Counts rows that have the same in these fields, of no fields all; undefined where the store does not check all of it.
   * @param most more than so many are not read: one more, at the most
   */
  count?(
    context: RequestContext,
    scan: Omit<Scan, 'after'>,
    by: readonly string[],
    most: number,
  ): Promise<readonly Counted[] | undefined>;
  /** Of a store that keeps vectors: rows of the tenant near to one, the nearest first, with what they score. */
  readonly near?: {
    /** @param limit the most rows; fewer are given where no more meet what the store checks */
    rows(
      context: RequestContext,
      scan: Omit<Scan, 'after'>,
      request: Pick<NearestRequest, 'vector' | 'to' | 'limit'>,
    ): Promise<readonly { readonly stored: StoredRow; readonly score: number }[]>;
    vectorOf: NonNullable<SourceDriver['vectorOf']>;
  };
  /** Of rows that are answered, what reading them did not give. */
  readonly details?: {
    readonly columns: ReadonlySet<string>;
    /** @returns the rows with these columns, in their order */
    add(context: RequestContext, relation: Relation, rows: readonly StoredRow[]): Promise<readonly StoredRow[]>;
  };
  health: SourceDriver['health'];
  close: SourceDriver['close'];
}

export function scannedSource(store: RowStore, options: SourceOptions): SourceDriver {
  const source = new ScannedSource(store, options);
  return {
    introspect: (schemas) => store.introspect(schemas),
    list: (context, request) => source.list(context, request),
    count: (context, request) => source.count(context, request),
    aggregate: (context, request) => source.aggregate(context, request),
    ...(store.near === undefined
      ? {}
      : {
          nearest: (context, request) => source.nearest(context, request),
          vectorOf: async (context, relation, vector, key) =>
            isRefused(context, relation) ? undefined : await store.near!.vectorOf(context, relation, vector, key),
        }),
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
    const { relation, parents, where, limit } = request;
    if (limit === 0 || parents?.keys.length === 0 || isRefused(context, relation))
      return (parents?.keys ?? [[]]).map(() => []);
    const own = where && (await this.#plain(context, relation, where));
    const wanted = (await this.#walked(context, request, own)) ?? (await this.#sorted(context, request, own));
    const whole = await this.#detailed(context, request, wanted);
    return whole.map((rows) => rows.map((stored) => rowOf(request, stored)));
  }

  /** Rows that the store reads in their order; undefined where it does not, or reads those of several parents better at once. */
  async #walked(
    context: RequestContext,
    { relation, parents, order, after, offset = 0, limit }: ListRequest,
    own: Condition | undefined,
    several = false,
  ): Promise<StoredRow[][] | undefined> {
    if (order.length === 0 || (parents !== undefined && parents.keys.length > 1 && !several)) return undefined;
    const walk = async (key: readonly string[] | undefined): Promise<StoredRow[] | undefined> => {
      const where = withParents(relation, own, key && parents && { ...parents, keys: [key] });
      const pages = this.#store.inOrder?.(context, { relation, where, order, after }, offset + limit);
      if (pages === undefined) return undefined;
      const rows: StoredRow[] = [];
      for await (const { stored } of this.#checked(context, relation, where, pages))
        if (rows.push(stored) === offset + limit) break;
      return rows.slice(offset);
    };
    const keys = parents?.keys ?? [undefined];
    const lists = await mapBounded(keys, this.#options.poolSize, walk);
    return lists.every((rows) => rows !== undefined) ? lists : undefined;
  }

  /** Rows that are sorted here. */
  async #sorted(
    context: RequestContext,
    request: ListRequest,
    own: Condition | undefined,
  ): Promise<readonly (readonly StoredRow[])[]> {
    const { relation, parents, order, after, offset = 0, limit } = request;
    const inOrder =
      parents === undefined &&
      offset === 0 &&
      order.length === 1 &&
      order[0]!.direction === 'ASC' &&
      relation.columns[order[0]!.field]!.name === this.#store.ordered;
    const first = inOrder ? { after: after?.[0] ?? undefined, limit } : undefined;
    let groups: readonly (readonly Row[])[];
    try {
      groups = await this.#rows(context, { relation, where: own, parents }, first);
    } catch (error) {
      // Of parents with very many rows, a few of each.
      const walked = isTooMany(error) ? await this.#walked(context, request, own, true) : undefined;
      if (walked === undefined) throw error;
      return walked;
    }
    const behind = after === undefined ? undefined : isBehind(relation, order, after);
    return groups.map((rows) => {
      const from = behind === undefined ? rows : rows.filter(behind);
      const sorted = order.length === 0 ? from : [...from].sort(comparing(order));
      return sorted.slice(offset, offset + limit).map(({ stored }) => stored);
    });
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

  /** Where the store does not check all of a filter, it is asked for more of what is near until enough match. */
  async nearest(context: RequestContext, request: NearestRequest): Promise<NearRow[]> {
    const { relation, where, vector, to, limit } = request;
    if (isRefused(context, relation)) return [];
    const own = where && (await this.#plain(context, relation, where));
    for (let asked = limit; ; asked = Math.min(asked * 4, this.#options.scanned + 1)) {
      const found = await this.#store.near!.rows(context, { relation, where: own }, { vector, to, limit: asked });
      const scores = new Map(found.map(({ stored, score }) => [stored, score]));
      const rows: NearRow[] = [];
      const page = [found.map(({ stored }) => stored)];
      for await (const { stored } of this.#checked(context, relation, own, page)) {
        rows.push({ row: rowOf(request, stored), score: scores.get(stored)! });
        if (rows.length === limit) return rows;
      }
      if (found.length < asked) return rows;
    }
  }

  async count(context: RequestContext, { relation, where, parents }: CountRequest): Promise<number[]> {
    const none = (parents?.keys ?? [[]]).map(() => 0);
    if (parents?.keys.length === 0 || isRefused(context, relation)) return none;
    const own = where && (await this.#plain(context, relation, where));
    const scan = { relation, where: withParents(relation, own, parents) };
    const counted = await this.#counted(context, scan, parents?.fields ?? []);
    if (counted === undefined)
      return (await this.#rows(context, { relation, where: own, parents })).map(({ length }) => length);
    const placeOf = placesOf(relation, parents);
    for (const { stored, count } of counted) {
      const place = placeOf(rowIn(relation, stored));
      if (place !== undefined) none[place]! += count;
    }
    return none;
  }

  /** Of rows that the store has counted by all that is asked of them; else of all rows. */
  async aggregate(
    context: RequestContext,
    { relation, where, parents, ...request }: GroupsRequest,
  ): Promise<Aggregated[]> {
    const { columns } = relation;
    const steps = { left: SOURCES.checkedSteps };
    const made = (parents?.keys ?? [[]]).map(
      () =>
        new AggregateInMemory(
          request,
          {
            kindOf: (field) => columns[field]!.kind as AggregatedKind,
            comparableOf: (field, value) => comparableOf(columns[field]!, value),
            valueOf: (field, comparable) => valueOf(columns[field]!, comparable),
          },
          steps,
        ),
    );
    const results = () => made.map((each) => each.result());
    if (made.length === 0 || isRefused(context, relation)) return results();
    const placeOf = placesOf(relation, parents);
    const add = (row: Row, count?: number): void => {
      const { stored, of } = row;
      const value = (field: string) => valueOf(columns[field]!, stored[columns[field]!.name]);
      const place = placeOf(row);
      if (place !== undefined) made[place]!.add({ comparable: of, value }, count);
    };
    const plain = where && (await this.#plain(context, relation, where));
    const own = withParents(relation, plain, parents);
    const by = columnsOf([...request.groups, ...request.measures]);
    const counted = await this.#counted(context, { relation, where: own }, [
      ...new Set([...(parents?.fields ?? []), ...by]),
    ]);
    if (counted !== undefined) for (const { stored, count } of counted) add(rowIn(relation, stored), count);
    else {
      const pages = this.#store.pages(context, { relation, where: own }, this.#options.scanned);
      for await (const row of this.#checked(context, relation, own, pages)) add(row);
    }
    return results();
  }

  /** @throws CodedError `QUERY_TOO_COSTLY` */
  async #counted(
    context: RequestContext,
    scan: Omit<Scan, 'after'>,
    by: readonly string[],
  ): Promise<readonly Counted[] | undefined> {
    const counted = await this.#store.count?.(context, scan, by, this.#options.scanned);
    if (counted !== undefined && counted.length > this.#options.scanned) throw tooMany(this.#options, scan.relation);
    return counted;
  }

  /**
   * The rows that match, of each parent.
   * @param where with operands as they compare, and without links
   * @param first so many of those behind `after` in the store's own order are enough
   */
  async #rows(
    context: RequestContext,
    { relation, where, parents }: CountRequest,
    first?: { readonly after: string | undefined; readonly limit: number },
  ): Promise<Row[][]> {
    const groups = (parents?.keys ?? [[]]).map((): Row[] => []);
    if (isRefused(context, relation)) return groups;
    const condition = withParents(relation, where, parents);
    const size = first === undefined ? this.#options.scanned : first.limit;
    const pages = this.#store.pages(context, { relation, where: condition, after: first?.after }, size);
    const placeOf = placesOf(relation, parents);
    let count = 0;
    for await (const row of this.#checked(context, relation, condition, pages)) {
      const place = placeOf(row);
      if (place !== undefined) groups[place]!.push(row);
      if (++count === first?.limit) break;
    }
    return groups;
  }

  /** Rows of the tenant that match, of those that the store gives. @throws CodedError `QUERY_TOO_COSTLY` */
  async *#checked(
    context: RequestContext,
    relation: Relation,
    where: Condition | undefined,
    pages: AsyncIterable<readonly StoredRow[]> | Iterable<readonly StoredRow[]>,
  ): AsyncGenerator<Row> {
    const { tenantId } = context.principal;
    const { tenant } = relation;
    const holds = where && checkOf(where, { left: SOURCES.checkedSteps });
    let looked = 0;
    for await (const page of pages) {
      looked += page.length;
      if (looked > this.#options.scanned) throw tooMany(this.#options, relation);
      for (const stored of page) {
        // The store was told; a driver that forgot it must not show it.
        if (tenant !== undefined && !isOf(tenantId, stored[tenant.name])) continue;
        const row = rowIn(relation, stored);
        if (holds === undefined || holds(row.of)) yield row;
      }
    }
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
      case 'list': {
        const { test } = where;
        if (test.kind === 'empty') return where;
        const values = test.values.map((value) => operandOf(relation, where.column, value));
        return { ...where, test: { ...test, values } };
      }
      case 'linked': {
        const { to, pairs } = relation.links[where.link]!;
        const of = where.of && (await this.#plain(context, to, where.of));
        const [others] = await this.#rows(context, { relation: to, where: of });
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

const isRefused = ({ principal }: RequestContext, { onlyTenant }: Relation): boolean =>
  onlyTenant !== undefined && onlyTenant !== principal.tenantId;

function rowOf(
  { relation: { columns }, fields, texts }: Pick<ListRequest, 'relation' | 'fields' | 'texts'>,
  stored: StoredRow,
): SourceRow {
  const of = <Value>(names: readonly string[], read: (column: Relation['columns'][string], raw: unknown) => Value) =>
    Object.fromEntries(names.map((field) => [field, read(columns[field]!, stored[columns[field]!.name])]));
  return { values: of(fields, valueOf), texts: of(texts, textOf) };
}

function operandOf({ columns }: Relation, field: string, value: Operand): Operand {
  const comparable = comparableOf({ ...columns[field]!, list: false }, value);
  if (comparable === undefined || (typeof comparable === 'string' && comparable.includes('\0')))
    throw unfitFor(field, columns[field], [value]);
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

function withParents(
  relation: Relation,
  own: Condition | undefined,
  parents: Parents | undefined,
): Condition | undefined {
  if (parents === undefined) return own;
  const of = ofParents(relation, parents);
  return own === undefined ? of : { kind: 'and', of: [own, of] };
}

/** Which of the parents a row is of; of none, where there are any. */
function placesOf(relation: Relation, parents: Parents | undefined): (row: Row) => number | undefined {
  if (parents === undefined) return () => 0;
  const comparable = (key: readonly string[]) =>
    parents.fields.map((field, index) => formOf(comparableOf(relation.columns[field]!, key[index])));
  const places = new Map(parents.keys.map((key, index) => [JSON.stringify(comparable(key)), index]));
  return (row) => places.get(JSON.stringify(parents.fields.map((field) => formOf(row.of(field)))));
}

/** One text for equal values. */
const formOf = (value: JsonValue | undefined): unknown =>
  value instanceof ExactNumber || typeof value === 'number' ? String(byValue(value)) : (value ?? null);
