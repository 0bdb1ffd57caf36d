/** Asking every field of the API, and what came of it. */
import { readFile } from 'node:fs/promises';
import {
  buildSchema,
  getNamedType,
  isObjectType,
  OperationTypeNode,
  type GraphQLNamedType,
  type GraphQLObjectType,
} from 'graphql';
import { constantOf } from '#subgraphs/shared/order-input.ts';
import type { GraphqlAnswer } from '#tests/gateway/fixture.ts';
import { WAYS_IN } from '#tests/gateway/ways-in.ts';
import type { Leaf, SchemaWalk } from './schema-walk.ts';
import { nestedArguments, readingArguments, type RootArguments } from './ways.ts';
import type { World } from './world.ts';

/** What clients see. */
export const API = buildSchema(
  await readFile(new URL('../../../gateway/supergraph/api.graphql', import.meta.url), 'utf8'),
);

/** Root fields that are asked for what comes behind the first things that they lead to, as well. */
const FAR =
  'rotateApiKey agent document documentFacets chunk entity facets shortestPath run memoryFact artifact generate generateStream rerank tenantEvents object session'.split(
    ' ',
  );

export interface Operation {
  readonly kind: OperationTypeNode;
  /** The root field. */
  readonly name: string;
  readonly source: string;
}

export interface Asked extends Operation {
  /** Every value that is not null. */
  readonly leaves: readonly Leaf[];
  /** As it was sent. */
  readonly text: string;
  readonly errors: readonly {
    readonly path?: readonly (string | number)[];
    readonly extensions: Record<string, unknown>;
  }[];
}

/** An operation for each text of arguments of each root field, in the order in which they are given. */
export function operations(walk: SchemaWalk, kind: OperationTypeNode, given: RootArguments): Operation[] {
  const order = Object.keys(given);
  const names = Object.keys(API.getRootType(kind)!.getFields()).sort((a, b) => order.indexOf(a) - order.indexOf(b));
  return names.flatMap((name) =>
    (given[name] ?? ['']).flatMap((args) => {
      if (name.endsWith('Aggregate')) {
        const where = /where: (.*), first: 20/.exec(
          given[name]?.[0] ?? given[name.replace('Aggregate', '')]?.[1] ?? '',
        )?.[1];
        return aggregates(walk, name, where ?? '{ id: { ne: "x" } }').map((each) => ({ kind, name, source: each }));
      }
      const source = walk.operation(
        kind,
        name,
        args,
        nestedArguments,
        name === 'documentFacets' ? 3 : FAR.includes(name) ? 2 : 1,
      );
      return { kind, name, source };
    }),
  );
}

/** How many keys groups are told by at once: with more there are more groups than are told. */
const KEYS = 4;

/** Everything that is measured, of groups by all of the keys, some at once: no more than `groupBy` names can be selected. */
function aggregates(walk: SchemaWalk, name: string, where: string): string[] {
  const fieldsOf = (type: GraphQLNamedType) => Object.values((type as GraphQLObjectType).getFields());
  const aggregate = getNamedType(API.getQueryType()!.getFields()[name]!.type);
  const group = fieldsOf(getNamedType(fieldsOf(aggregate).find((field) => field.name === 'groups')!.type));
  const keys = getNamedType(group.find((field) => field.name === 'keys')!.type);
  const measures = group
    .filter((field) => field.name !== 'keys')
    .map((field) => {
      const type = getNamedType(field.type);
      const selected = isObjectType(type) ? walk.selection(type.name, nestedArguments, 1) : '';
      return `${field.name}${field.args.length > 0 ? '(p: 0.5)' : ''}${selected}`;
    });
  const all = fieldsOf(keys).map(({ name: key, args }) => ({
    key,
    path: args.length > 0 ? 'path: ["word"]' : undefined,
  }));
  const several = Array.from({ length: Math.ceil(all.length / KEYS) }, (_, at) =>
    all.slice(at * KEYS, (at + 1) * KEYS),
  );
  return several.map((some) => {
    const by = some.map(({ key, path }) => `{ field: ${constantOf(key)}${path === undefined ? '' : `, ${path}`} }`);
    const told = some.map(({ key, path }) => `${key}${path === undefined ? '' : `(${path})`}`);
    return `query { ${name}(where: ${where}, groupBy: [${by.join(', ')}], having: { measure: COUNT, gte: 1 }, orderBy: [{ measure: COUNT, direction: DESC }], first: 200) {
      __typename truncated totalCount groups { __typename keys { __typename ${told.join(' ')} } ${measures.join(' ')} } } }`;
  });
}

/** Everything that can be read of a world, and what is behind the cursors that the walk has seen, and before them. */
export function reading(walk: SchemaWalk, world: World): Operation[] {
  const given = readingArguments(world, walk.cursors);
  const behind = [...walk.cursors].flatMap(([path, cursor]) => {
    const [name, field, ...more] = path.split('.') as [string, string?];
    const root = API.getQueryType()!.getFields()[name];
    // What a stream has told goes on as a stream.
    if (root === undefined || field === undefined || more.length > 0 || !FAR.includes(name)) return [];
    // A cursor is that of a list as it was asked for.
    const parent = getNamedType(root.type).name;
    const [asked = '(first: 5)'] = nestedArguments(`${parent}.${field}`);
    const ways = [
      asked.replace(/\)$/, `, after: ${JSON.stringify(cursor)})`),
      asked.replace(/\bfirst: /, 'last: ').replace(/\)$/, `, before: ${JSON.stringify(cursor)})`),
    ];
    return ways.map((args) => {
      const page = `${field}${args} { __typename edges { cursor node { __typename } } }`;
      return { kind: OperationTypeNode.QUERY, name, source: `query { ${name}${given[name]![0]} { ${page} } }` };
    });
  });
  return [
    ...operations(walk, OperationTypeNode.QUERY, given),
    ...operations(walk, OperationTypeNode.SUBSCRIPTION, given),
    ...behind,
  ];
}

/** Asks one after the other. @param noting whether what comes counts as seen */
export async function askAll(
  url: string,
  authorization: string,
  asked: readonly Operation[],
  walk: SchemaWalk,
  noting = false,
): Promise<Asked[]> {
  const answers: Asked[] = [];
  for (const operation of asked) {
    const document = walk.noteAsked(operation.source);
    const { text, parts } = await (operation.kind === OperationTypeNode.SUBSCRIPTION ? follow : post)(
      url,
      authorization,
      operation.source,
    );
    const leaves = parts.flatMap(({ data }) => walk.leaves(document, data, noting));
    answers.push({ ...operation, leaves, text, errors: parts.flatMap(({ errors }) => errors ?? []) });
  }
  return answers;
}

interface Told {
  readonly text: string;
  readonly parts: readonly GraphqlAnswer[];
}

async function post(url: string, authorization: string, query: string): Promise<Told> {
  const { text, answer } = await WAYS_IN['POST']!(url, { query }, authorization);
  return { text, parts: [answer] };
}

/** All events of a subscription that ends; the first of one that does not. */
async function follow(url: string, authorization: string, query: string): Promise<Told> {
  const leaving = new AbortController();
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream', authorization },
    body: JSON.stringify({ query }),
    signal: leaving.signal,
  });
  let text = '';
  const parts = (): GraphqlAnswer[] =>
    Array.from(text.matchAll(/event: next\ndata: (.*)\n\n/g), ([, json]) => JSON.parse(json!) as GraphqlAnswer);
  for await (const bytes of response.body!.pipeThrough(new TextDecoderStream())) {
    text += bytes;
    if (query.includes('tenantEvents') && parts().length > 0) break;
  }
  leaving.abort();
  return { text, parts: parts() };
}
