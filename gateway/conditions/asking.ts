/** Asking the subgraphs' own fields for keys, as the caller of the operation: what he may not see is not told. */
import { parse, type DocumentNode, type ExecutionResult, type GraphQLError } from 'graphql';
import { LRUCache } from 'lru-cache';
import { CONDITIONS } from '#gateway/bounds/conditions.ts';
import type { Engine } from '#gateway/execute/engine.ts';
import { Budget } from '#subgraphs/shared/budget.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import { CodedError, isUnreadable } from '#subgraphs/shared/errors.ts';
import type { GivenArguments, RankedList, TypeList } from './declared-types.ts';
import { taken } from './taken-keys.ts';
import type { WalkedList } from './walkable.ts';

/** Bounds as an operator sets them; and, for tests and benchmarks, another `nested` and one way alone. */
export type ConditionBounds = BoundValues<typeof CONDITIONS> & {
  readonly nested?: number;
  readonly only?: 'push' | 'walk';
};
export type FilterValue = Readonly<Record<string, unknown>>;

/** A link of what is listed. */
export interface AskedLink {
  readonly field: string;
  readonly many: boolean;
  /** The key of what it leads to. */
  readonly key: string;
  readonly given: GivenArguments;
  /** The field of its connection that is true where it lacks some. */
  readonly cut: string | undefined;
}

/** Some list that takes a filter. */
type Asked = Pick<TypeList, 'field' | 'argument' | 'filter' | 'page'>;

/** One object of a ranking. */
export interface Scored {
  readonly key: string;
  readonly score: number;
  readonly cursor: string;
}

/** One listed object, with what its link leads to. */
export interface Listed {
  readonly key: string;
  readonly linked: readonly string[];
}

interface Paged {
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
  readonly cut?: boolean | null;
}
interface KeyPage extends Paged {
  readonly nodes: readonly (Record<string, unknown> | null)[];
}
interface RankPage extends Paged {
  readonly edges: readonly { cursor: string; score: number; node: Record<string, unknown> }[];
}

/** How many items the first page has, and each after another. */
interface PageSizes {
  readonly first: number;
  next(before: number): number;
}

/** The same text is the same document, of which the engine knows the plan. */
const parsed = new LRUCache<string, DocumentNode>({ max: CONDITIONS.questions });
function documentOf(text: string): DocumentNode {
  let document = parsed.get(text);
  if (document === undefined) parsed.set(text, (document = parse(text, { noLocation: true })));
  return document;
}

/** One item of a list that is walked: its key, where it is looked up by one, and what each of its links leads to. */
export interface Walked {
  readonly key: string;
  readonly linked: readonly (string | undefined)[];
}

const PAGE = 'pageInfo { hasNextPage endCursor }';

/** What is asked for the conditions of one operation, within their bounds. */
export class Asking {
  readonly bounds: ConditionBounds;
  readonly #engine: Pick<Engine, 'execute'>;
  readonly #context: RequestContext;
  readonly #until: number;
  readonly #counts = new Map<string, Promise<number>>();
  #read = 0;
  /** How many questions there were. */
  asked = 0;

  constructor(engine: Pick<Engine, 'execute'>, context: RequestContext, bounds: ConditionBounds) {
    this.bounds = bounds;
    this.#engine = engine;
    this.#until = performance.now() + bounds.timeMs;
    // Not what the answer may come to: none of it is in the answer.
    const budget = new Budget({ nodes: bounds.candidates * 4, bytes: bounds.bytes });
    this.#context = { ...context, budget, responseHeaders: undefined };
  }

  /** How many objects match. */
  count(list: TypeList, where: FilterValue): Promise<number> {
    const key = JSON.stringify([list.field, where]);
    let known = this.#counts.get(key);
    if (known === undefined) this.#counts.set(key, (known = this.#count(list, where)));
    return known;
  }

  async #count(list: TypeList, where: FilterValue): Promise<number> {
    const { totalCount } = await this.#ask<{ totalCount: number | null }>(list, '', 'totalCount', { where });
    return totalCount ?? Infinity;
  }

  /**
   * Pages of the objects that match.
   * @param size of the first page
   */
  async *pages(
    list: TypeList,
    where: FilterValue,
    link: AskedLink | undefined,
    size = list.page,
  ): AsyncGenerator<{ readonly items: readonly Listed[]; readonly last: boolean }> {
    const asked = link === undefined ? '' : linkText(link, `first: ${this.bounds.nested ?? CONDITIONS.nested}`);
    const selection = `nodes { ${list.key} ${asked} } ${PAGE}`;
    const sizes = { first: size, next: () => list.page };
    for await (const { page, last } of this.#pages(list, where, selection, variablesOf(link?.given, 'link'), sizes)) {
      const items: Listed[] = [];
      for (const node of page.nodes) {
        if (node === null) continue;
        const key = String(node[list.key]);
        items.push({ key, linked: link === undefined ? [] : await this.#linked(list, key, link, node[link.field]) });
      }
      this.#charge(items.reduce((sum, { linked }) => sum + 1 + linked.length, 0));
      yield { items, last };
    }
  }

  /**
   * A list in its own order, from where the client has it begin.
   * @param links each to one
   * @param size the first page's; each has twice as many as the one before
   */
  async *walk(
    { list, given, after: from }: WalkedList,
    where: FilterValue,
    links: readonly AskedLink[],
    size: number,
  ): AsyncGenerator<{ readonly items: readonly Walked[]; readonly last: boolean }> {
    const selection = `nodes { ${list.key} ${links.map((link) => linkText(link, '')).join(' ')} } ${PAGE}`;
    const sizes = { first: size, next: (before: number) => before * 2 };
    const variables = { ...variablesOf(given, 'given'), beside: argumentsText(given, 'given') };
    for await (const { page, last } of this.#pages(list, where, selection, variables, sizes, from)) {
      const items = page.nodes.flatMap((node) => (node === null ? [] : [walkedOf(node, list, links)]));
      this.#charge(items.length);
      yield { items, last };
    }
  }

  /** The objects that match, with what is selected of each. */
  async *rows(
    list: TypeList,
    where: FilterValue,
    selected: readonly { readonly text: string }[],
    given?: GivenArguments,
  ): AsyncGenerator<readonly { readonly key: string; readonly node: Readonly<Record<string, unknown>> }[]> {
    const selection = `nodes { ${list.key} ${selected.map(({ text }) => text).join(' ')} } ${PAGE}`;
    const sizes = { first: list.page, next: () => list.page };
    for await (const { page } of this.#pages(list, where, selection, variablesOf(given, 'link'), sizes)) {
      const items = page.nodes.flatMap((node) => (node === null ? [] : [{ key: String(node[list.key]), node }]));
      this.#charge(items.length);
      yield items;
    }
  }

  /**
   * Objects in the order of their scores.
   * @param given its arguments, by name
   * @param sizes of the first page, and of those after it
   * @param key the key of what is ranked
   */
  async *ranked(
    rank: RankedList,
    key: string,
    given: GivenArguments,
    where: FilterValue,
    sizes: PageSizes,
    from: string | null = null,
  ): AsyncGenerator<{ readonly items: readonly Scored[]; readonly last: boolean; readonly cut: boolean }> {
    const cut = rank.cut === undefined ? '' : `cut: ${rank.cut}`;
    const selection = `edges { cursor score: ${rank.score} node { ${key} } } ${PAGE} ${cut}`;
    const variables = { ...variablesOf(given, 'given'), beside: argumentsText(given, 'given') };
    for await (const { page, last } of this.#pages<RankPage>(rank, where, selection, variables, sizes, from)) {
      const items = page.edges.map(({ cursor, score, node }) => ({ key: String(node[key]), score, cursor }));
      this.#charge(items.length);
      yield { items, last, cut: page.cut === true };
    }
  }

  /**
   * @param given variables of the selection; `beside`, arguments of the list that are among them
   * @param sizes of the first page, and of each after the one before; none is longer than the list's pages may be
   */
  async *#pages<Page extends Paged = KeyPage>(
    list: Asked,
    where: FilterValue,
    selection: string,
    { types, values, beside = '' }: GivenVariables & { readonly beside?: string },
    sizes: PageSizes,
    from: string | null = null,
  ): AsyncGenerator<{ readonly page: Page; readonly last: boolean }> {
    let after = from;
    for (let first = Math.min(sizes.first, list.page); ; first = Math.min(sizes.next(first), list.page)) {
      const variables = { where, after, first, ...values };
      const paging = `first: $first, after: $after${beside}`;
      const page: Page = await this.#ask<Page>(list, paging, selection, variables, { first: 'Int', ...types });
      const { endCursor, hasNextPage } = page.pageInfo;
      const last = !hasNextPage || endCursor === null;
      if (!last && endCursor === after)
        throw new CodedError('SUBGRAPH_ERROR', `\`${list.field}\` has a next page, but no other cursor to ask for it.`);
      after = endCursor;
      yield { page, last };
      if (last) return;
    }
  }

  async #linked(list: TypeList, key: string, link: AskedLink, found: unknown): Promise<string[]> {
    if (found === null || found === undefined) return [];
    const keyOf = (node: unknown): string => String((node as Record<string, unknown>)[link.key]);
    if (!link.many) return [keyOf(found)];
    let page = found as KeyPage;
    if (page.cut === true) throw tooCostly(`\`${link.field}\` lacks some of what there is`, undefined);
    const { types, values } = variablesOf(link.given, 'link');
    const keys = page.nodes.flatMap((node) => (node === null ? [] : [keyOf(node)]));
    while (page.pageInfo.hasNextPage && page.pageInfo.endCursor !== null) {
      const selection = `nodes { ${linkText(link, `first: ${list.page}, after: $after`)} }`;
      const rest: { nodes: readonly (Record<string, unknown> | null)[] } = await this.#ask(
        list,
        'first: 1',
        selection,
        { where: { [list.key]: { in: taken([key], list) } }, after: page.pageInfo.endCursor, ...values },
        types,
      );
      const next = rest.nodes[0]?.[link.field] as KeyPage | null | undefined;
      if (next == null) break; // Deleted meanwhile.
      page = next;
      for (const node of page.nodes) if (node !== null) keys.push(keyOf(node));
      this.#charge(page.nodes.length);
    }
    return keys;
  }

  #charge(objects: number): void {
    this.#read += objects;
    if (this.#read > this.bounds.candidates)
      throw tooCostly(`More than ${this.bounds.candidates} objects would have to be read`, 'CONDITION_CANDIDATES');
  }

  async #ask<Page>(
    { field, argument, filter }: Asked,
    paging: string,
    selection: string,
    variables: Readonly<Record<string, unknown>> & { readonly where: FilterValue },
    types: Readonly<Record<string, string>> = {},
  ): Promise<Page> {
    if (performance.now() > this.#until)
      throw tooCostly(`Looking at it took longer than ${this.bounds.timeMs} ms`, 'CONDITION_TIME_MS');
    this.asked += 1;
    const takesCursor = `${paging} ${selection}`.includes('$after');
    const others = Object.entries(types).map(([name, type]) => `, $${name}: ${type}`);
    const text = `query Conditions($where: ${filter}${takesCursor ? ', $after: String' : ''}${others.join('')}) { list: ${field}(${argument}: $where${paging === '' ? '' : `, ${paging}`}) { ${selection} } }`;
    const { data, errors } = await this.#engine.execute({
      document: documentOf(text),
      variables,
      context: this.#context,
    });
    const list = (data as ExecutionResult<{ list: Page | null }>['data'])?.list;
    // A value that is none leads nowhere, and is sorted as none; a store that is away is another matter.
    const refused = errors?.find((error) => !isUnreadable(error));
    if (refused !== undefined) throw refusedBy(refused, this.bounds);
    if (list == null) throw new CodedError('SUBGRAPH_UNAVAILABLE', `\`${field}\` answered nothing.`);
    return list;
  }
}

function walkedOf(node: Record<string, unknown>, { key }: TypeList, links: readonly AskedLink[]): Walked {
  const linked = links.map((link) => {
    const found = node[link.field] as Record<string, unknown> | null | undefined;
    return found == null ? undefined : String(found[link.key]);
  });
  return { key: String(node[key]), linked };
}

function linkText({ field, many, key, given, cut }: AskedLink, paging: string): string {
  if (!many) return `${field} { ${key} }`;
  const cutText = cut === undefined ? '' : `cut: ${cut}`;
  return `${field}(${paging}${argumentsText(given, 'link')}) { nodes { ${key} } ${PAGE} ${cutText} }`;
}

/** How many a link leads to, as it is selected; its arguments are given beside. */
export function countText({ field, given, cut }: AskedLink): string {
  const own = argumentsText(given, 'link').slice(2);
  return `${field}${own === '' ? '' : `(${own})`} { totalCount ${cut === undefined ? '' : `cut: ${cut}`} }`;
}

/** Variables, with the types that they have. */
interface GivenVariables {
  readonly types: Readonly<Record<string, string>>;
  readonly values: Readonly<Record<string, unknown>>;
}

/** Arguments as variables whose names begin so. */
function variablesOf(given: GivenArguments | undefined, prefix: string): GivenVariables {
  const named = <T>(of: (argument: { readonly type: string; readonly value: unknown }) => T): Record<string, T> =>
    Object.fromEntries([...(given ?? [])].map(([name, argument]) => [`${prefix}_${name}`, of(argument)]));
  return { types: named(({ type }) => type), values: named(({ value }) => value) };
}

/** The same, as they stand behind others. */
const argumentsText = (given: GivenArguments, prefix: string): string =>
  [...given.keys()].map((name) => `, ${name}: $${prefix}_${name}`).join('');

/** A bound of conditions was met. */
export class TooCostly extends CodedError {}

/** @param variable of the bound; undefined where it is the link's own */
export function tooCostly(what: string, variable: string | undefined): TooCostly {
  const rows =
    variable === 'CONDITION_KEYS'
      ? ' A list of which rows alone are asked, without `totalCount`, and which is not ranked by words, needs no more keys than it returns.'
      : '';
  const set = variable === undefined ? '' : `; whoever runs the server sets the bound by ${variable}`;
  return new TooCostly('QUERY_TOO_COSTLY', `${what} for a condition on another store.`, {
    hint: `Narrow the condition, or give the list further conditions of its own, so that fewer have to be compared${set}.${rows}`,
  });
}

/** Its cause is masked at the edge, as that of every other. */
const refusedBy = (error: GraphQLError, { bytes }: ConditionBounds): Error =>
  error.extensions['code'] === 'QUERY_TOO_COSTLY' && error.message.startsWith('Answering takes')
    ? tooCostly(`More than ${bytes} bytes would have to be read`, 'CONDITION_BYTES')
    : error;
