/** The contract's reads, each as a function of a number that says whose and which. */
import { execute, parse, type GraphQLSchema } from 'graphql';
import type { GraphDriver } from '#subgraphs/graph/driver.ts';
import { entityCondition, type EntityFilter } from '#subgraphs/graph/input.ts';
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import type { VectorDriver } from '#subgraphs/vector/driver.ts';
import { checkFilter } from '#subgraphs/vector/input.ts';
import { BIG, ownOf, SMALL, vectorOf, type Sizes } from './sizes.ts';

export interface Read {
  readonly name: string;
  readonly tenant: string;
  /** Runs it once; the answer's size, so that a read that finds nothing shows. */
  run(context: RequestContext, round: number): Promise<number>;
}

export const contextOf = (tenantId: string): RequestContext =>
  createRequestContext({ tenantId, subject: 'bench', roles: [], scopes: [] });

/** `count` of the tenant's numbers, others in each round. */
const some = (tenant: string, of: number, count: number, round: number): number[] =>
  Array.from({ length: count }, (_, i) => ownOf(tenant, (((round * 7_919 + i * 104_729) % of) + 100) % of || 100));

const forBoth = (reads: Readonly<Record<string, (tenant: string) => Read['run']>>): Read[] =>
  [BIG, SMALL].flatMap((tenant) => Object.entries(reads).map(([name, make]) => ({ name, tenant, run: make(tenant) })));

export function relationalReads(schema: GraphQLSchema, { documents }: Sizes): Read[] {
  const ask = (query: string, variables: (tenant: string, round: number) => Record<string, unknown>) => {
    const document = parse(query);
    return (tenant: string): Read['run'] =>
      async (contextValue, round) => {
        const { data, errors } = await execute({
          schema,
          document,
          variableValues: variables(tenant, round),
          contextValue,
        });
        if (errors?.[0] !== undefined) throw errors[0];
        return JSON.stringify(data).split('"id"').length - 1;
      };
  };
  const entities = (tenant: string, round: number) => ({
    r: some(tenant, documents, 50, round).map((i) => ({ __typename: 'Document', id: `doc_${i}` })),
  });
  return forBoth({
    '50 documents by id': ask(
      'query ($r: [_Any!]!) { _entities(representations: $r) { ... on Document { id title source } } }',
      entities,
    ),
    'first 3 chunks of 50 documents': ask(
      'query ($r: [_Any!]!) { _entities(representations: $r) { ... on Document { id chunks(first: 3) { edges { node { id text } } } } } }',
      entities,
    ),
    'newest 20 documents': ask('{ documents(first: 20) { edges { node { id title } } } }', () => ({})),
    '20 documents by title, of a media type': ask(
      'query ($t: String!) { documents(first: 20, where: { mediaType: { eq: "text/plain" }, title: { startsWith: $t } }, orderBy: [{ field: TITLE }]) { edges { node { id title } } } }',
      (_, round) => ({ t: `Document ${(round % 9) + 1}` }),
    ),
  });
}

export function vectorReads(driver: VectorDriver, { vectors }: Sizes): Read[] {
  // Beyond the numbers of what is stored: near the same topics, equal to none.
  const query = (round: number) => ({
    kind: 'VECTOR' as const,
    vector: vectorOf(10_000_000 + round),
    model: 'bench',
    limit: 10,
  });
  const search =
    (queries: (tenant: string, round: number) => Parameters<VectorDriver['search']>[1]) =>
    (tenant: string): Read['run'] =>
    async (context, round) =>
      (await driver.search(context, queries(tenant, round)))[0]!.items.length;
  return forBoth({
    'nearest 10': search((_, round) => [query(round)]),
    'nearest 10 of a media type (10 %)': search((_, round) => [
      { ...query(round), filter: checkFilter({ mediaType: { in: ['text/plain'] } }) },
    ]),
    'nearest 10 in 20 documents': search((tenant, round) => [
      {
        ...query(round),
        filter: checkFilter({ documentId: { in: some(tenant, vectors, 20, round).map((i) => `doc_${i}`) } }),
      },
    ]),
    'keywords, two words': search((_, round) => [
      { kind: 'KEYWORD', text: `backoff ${(round * 37) % 5_003}`, limit: 10 },
    ]),
    'similar to 10 chunks': (tenant) => async (context, round) =>
      (
        await driver.similarToChunks(
          context,
          some(tenant, vectors, 10, round).map((i) => `chk_${i}_0`),
          5,
        )
      ).size,
    'what is stored of 20 documents': (tenant) => async (context, round) =>
      (
        await driver.storedHashes(
          context,
          some(tenant, vectors, 20, round).map((i) => `doc_${i}`),
        )
      ).size,
  });
}

export function graphReads(driver: GraphDriver, { entities, mentioning }: Sizes): Read[] {
  const ids = (tenant: string, count: number, round: number): string[] =>
    some(tenant, entities, count, round).map((i) => `ent_${i}`);
  const all = { direction: 'BOTH', types: null } as const;
  const find =
    (filter: (round: number) => EntityFilter, after = false) =>
    (tenant: string): Read['run'] =>
    async (context, round) =>
      (
        await driver.findEntities(context, entityCondition(filter(round)), {
          limit: 20,
          after: after ? [`name ${ownOf(tenant, 100 + ((round * 7_919) % (entities - 200)))}`, 'ent_'] : null,
        })
      ).length;
  return forBoth({
    '50 entities by id': (tenant) => async (context, round) =>
      (await driver.entitiesByIds(context, ids(tenant, 50, round))).size,
    '20 entities, a page in the middle': find(() => ({}), true),
    '20 entities of a kind': find(() => ({ kind: { eq: 'kind0' } }), true),
    '20 entities whose name begins so': find((round) => ({ name: { startsWith: `name ${(round % 9) + 1}` } })),
    'first 10 relations of 20 entities': (tenant) => async (context, round) =>
      (await driver.relationsOf(context, ids(tenant, 20, round), all, { limit: 10, after: null })).size,
    'one step from 50 entities': (tenant) => async (context, round) =>
      (await driver.expandFrontier(context, ids(tenant, 50, round), all, 1_000)).steps.length,
    'entities of 20 documents': (tenant) => async (context, round) =>
      (
        await driver.documentEntities(
          context,
          some(tenant, mentioning, 20, round).map((i) => `doc_${i}`),
          null,
          { limit: 10, after: null },
        )
      ).size,
    '20 relations by id': (tenant) => async (context, round) =>
      (
        await driver.relationsByIds(
          context,
          some(tenant, entities, 20, round).map((i) => `rel_${i}_1`),
        )
      ).size,
  });
}
