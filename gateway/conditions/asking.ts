/** Asking the subgraphs' own fields for keys, as the caller of the operation: what he may not see is not told. */
import { parse, type DocumentNode, type ExecutionResult, type GraphQLError } from 'graphql';
import { CONDITIONS } from '#gateway/bounds/conditions.ts';
import type { Engine } from '#gateway/execute/engine.ts';
import { Budget } from '#subgraphs/shared/budget.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { TypeList } from './declared.ts';

/** Bounds as an operator sets them, and one for tests. */
export type ConditionBounds = BoundValues<typeof CONDITIONS> & { readonly nested?: number };
export type FilterValue = Readonly<Record<string, unknown>>;

/** A link of what is listed. */
export interface AskedLink {
  readonly field: string;
  readonly many: boolean;
  /** The key of what it leads to. */
  readonly key: string;
}

/** One listed object, with what its link leads to. */
export interface Listed {
  readonly key: string;
  readonly linked: readonly string[];
}

interface KeyPage {
  readonly nodes: readonly (Record<string, unknown> | null)[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

const parsed = new Map<string, DocumentNode>();
function documentOf(text: string): DocumentNode {
  let document = parsed.get(text);
  if (document === undefined) parsed.set(text, (document = parse(text, { noLocation: true })));
  return document;
}

const PAGE = 'pageInfo { hasNextPage endCursor }';

/** What is asked for the conditions of one operation, within their bounds. */
export class Asking {
  readonly bounds: ConditionBounds;
  readonly #engine: Pick<Engine, 'execute'>;
  readonly #context: RequestContext;
  readonly #until: number;
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
  async count(list: TypeList, where: FilterValue): Promise<number> {
    const { totalCount } = await this.#ask<{ totalCount: number | null }>(list, '', 'totalCount', { where });
    return totalCount ?? Infinity;
  }

  /** Pages of the objects that match. */
  async *pages(
    list: TypeList,
    where: FilterValue,
    link: AskedLink | undefined,
  ): AsyncGenerator<{ readonly items: readonly Listed[]; readonly last: boolean }> {
    const asked = link === undefined ? '' : linkText(link, `first: ${this.bounds.nested ?? CONDITIONS.nested}`);
    const selection = `nodes { ${list.key} ${asked} } ${PAGE}`;
    for (let after: string | null = null; ;) {
      const page: KeyPage = await this.#ask<KeyPage>(list, `first: ${list.page}, after: $after`, selection, {
        where,
        after,
      });
      const items: Listed[] = [];
      for (const node of page.nodes) {
        if (node === null) continue;
        const key = String(node[list.key]);
        items.push({ key, linked: link === undefined ? [] : await this.#linked(list, key, link, node[link.field]) });
      }
      this.#charge(items.reduce((sum, { linked }) => sum + 1 + linked.length, 0));
      after = page.pageInfo.endCursor;
      const last = !page.pageInfo.hasNextPage || after === null;
      yield { items, last };
      if (last) return;
    }
  }

  async #linked(list: TypeList, key: string, link: AskedLink, found: unknown): Promise<string[]> {
    if (found === null || found === undefined) return [];
    const keyOf = (node: unknown): string => String((node as Record<string, unknown>)[link.key]);
    if (!link.many) return [keyOf(found)];
    let page = found as KeyPage;
    const keys = page.nodes.flatMap((node) => (node === null ? [] : [keyOf(node)]));
    while (page.pageInfo.hasNextPage && page.pageInfo.endCursor !== null) {
      const selection = `nodes { ${linkText(link, `first: ${list.page}, after: $after`)} }`;
      const rest: { nodes: readonly (Record<string, unknown> | null)[] } = await this.#ask(
        list,
        'first: 1',
        selection,
        {
          where: { [list.key]: { in: [key] } },
          after: page.pageInfo.endCursor,
        },
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
    { field, argument, filter }: TypeList,
    paging: string,
    selection: string,
    variables: { readonly where: FilterValue; readonly after?: string | null },
  ): Promise<Page> {
    if (performance.now() > this.#until)
      throw tooCostly(`Looking at it took longer than ${this.bounds.timeMs} ms`, 'CONDITION_TIME_MS');
    this.asked += 1;
    const takesCursor = `${paging} ${selection}`.includes('$after');
    const text = `query Conditions($where: ${filter}${takesCursor ? ', $after: String' : ''}) { list: ${field}(${argument}: $where${paging === '' ? '' : `, ${paging}`}) { ${selection} } }`;
    const { data, errors } = await this.#engine.execute({
      document: documentOf(text),
      variables,
      context: this.#context,
    });
    const list = (data as ExecutionResult<{ list: Page | null }>['data'])?.list;
    if (errors !== undefined && errors.length > 0) throw refusedBy(errors[0]!, this.bounds);
    if (list == null) throw new CodedError('SUBGRAPH_UNAVAILABLE', `\`${field}\` answered nothing.`);
    return list;
  }
}

const linkText = ({ field, many, key }: AskedLink, paging: string): string =>
  many ? `${field}(${paging}) { nodes { ${key} } ${PAGE} }` : `${field} { ${key} }`;

export const tooCostly = (what: string, variable: string): CodedError =>
  new CodedError('QUERY_TOO_COSTLY', `${what} for a condition on another store.`, {
    hint: `Narrow the condition, or give the list further conditions of its own, so that fewer have to be compared; whoever runs the server sets the bound by ${variable}.`,
  });

/** Its cause is masked at the edge, as that of every other. */
const refusedBy = (error: GraphQLError, { bytes }: ConditionBounds): Error =>
  error.extensions['code'] === 'QUERY_TOO_COSTLY' && error.message.startsWith('Answering takes')
    ? tooCostly(`More than ${bytes} bytes would have to be read`, 'CONDITION_BYTES')
    : error;
