/**
 * References from other subgraphs to nodes of the model (`_entities`): all of one type in one statement, where the
 * library's own resolver runs one for each.
 */
import { getNamedType, isAbstractType, Kind, parseType } from 'graphql';
import type { FieldNode, GraphQLResolveInfo, GraphQLSchema, SelectionNode } from 'graphql';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { nameNode, type Delegate } from './delegate.ts';
import { RESERVED, type GraphModel, type NodeType } from '../model/file.ts';

/** One entity as the engine names it: its type and the fields of one of its keys. */
type Representation = Readonly<Record<string, unknown>> & { readonly __typename: string };
/** A node as the library answers it, with {@link keyAlias} fields. */
type Row = Record<string, unknown>;

const WHERE = `${RESERVED}Where`;
const LIMIT = `${RESERVED}Limit`;
const keyAlias = (field: string): string => `${RESERVED}__key_${field}`;

/** Answers `_entities`: one promise for each representation; a node that is not there for the tenant is null. */
export type ResolveEntities = (
  context: RequestContext,
  representations: readonly Representation[],
  info: GraphQLResolveInfo,
) => (Promise<unknown> | null)[];

export function createEntities(
  model: GraphModel,
  library: GraphQLSchema,
  api: () => GraphQLSchema,
  delegate: Delegate,
): ResolveEntities {
  const readers = new Map(
    model.nodes.filter(({ keys }) => keys.length > 0).map((node) => [node.name, readerOf(node, library)]),
  );

  return (context, representations, info) => {
    const batches = new Map<string, Batch>();
    for (const representation of representations) {
      const reader = readers.get(representation.__typename);
      const key = reader?.node.keys.find((fields) =>
        fields.every((field) => representation[field] !== undefined && representation[field] !== null),
      );
      if (reader === undefined || key === undefined) continue;
      const name = `${reader.node.name} ${key.join(' ')}`;
      let batch = batches.get(name);
      if (batch === undefined) batches.set(name, (batch = { ...reader, key, wanted: new Map() }));
      batch.wanted.set(identity(key, representation), representation);
    }
    const answers = new Map([...batches].map(([name, batch]) => [name, read(context, batch, info)]));
    for (const answer of answers.values()) answer.catch(() => undefined); // Each representation reports it.
    return representations.map((representation) => {
      const found = [...batches].find(
        ([, { node, key, wanted }]) =>
          node.name === representation.__typename && wanted.has(identity(key, representation)),
      );
      if (found === undefined) return null;
      const [name, { key }] = found;
      return answers.get(name)!.then((rows) => rows.get(identity(key, representation)) ?? null);
    });
  };

  async function read(
    context: RequestContext,
    { node, field, where, key, wanted }: Batch,
    info: GraphQLResolveInfo,
  ): Promise<Map<string, Row>> {
    const rows = new Map<string, Row>();
    const all = [...wanted.values()];
    const selections = info.fieldNodes
      .flatMap(({ selectionSet }) => selectionSet?.selections ?? [])
      .filter((selection) => concerns(selection, node.name, info));
    for (let from = 0; from < all.length; from += node.maxLimit) {
      const part = all.slice(from, from + node.maxLimit);
      const answer = await delegate.field(
        context,
        info,
        {
          name: field,
          typeName: node.name,
          arguments: [argumentOf('where', WHERE), argumentOf('limit', LIMIT)],
          selections: selections.length === 0 ? [fieldNode('__typename')] : selections,
          extra: key.map((each) => fieldNode(each, keyAlias(each))),
        },
        {
          definitions: [variableOf(WHERE, where), variableOf(LIMIT, 'Int')],
          values: { [WHERE]: whereOf(key, part), [LIMIT]: part.length },
        },
      );
      for (const row of answer as Row[])
        rows.set(identity(key, row, keyAlias), Object.assign(row, { __typename: node.name }));
    }
    return rows;
  }

  /** Whether a selection of `_entities` may be of this type: the library must not see those that are of others only. */
  function concerns(selection: SelectionNode, type: string, info: GraphQLResolveInfo): boolean {
    const condition =
      selection.kind === Kind.INLINE_FRAGMENT
        ? selection.typeCondition
        : selection.kind === Kind.FRAGMENT_SPREAD
          ? info.fragments[selection.name.value]?.typeCondition
          : undefined;
    if (condition === undefined || condition.name.value === type) return true;
    const found = api().getType(condition.name.value);
    return (
      found !== undefined &&
      isAbstractType(found) &&
      api()
        .getPossibleTypes(found)
        .some(({ name }) => name === type)
    );
  }
}

interface Reader {
  readonly node: NodeType;
  /** The library's root field that lists nodes of the type. */
  readonly field: string;
  /** The type of its `where`. */
  readonly where: string;
}

interface Batch extends Reader {
  readonly key: readonly string[];
  /** Representations by {@link identity}, each once. */
  readonly wanted: Map<string, Representation>;
}

/** @throws CodedError `BAD_USER_INPUT` when the type cannot be found by its key */
function readerOf(node: NodeType, library: GraphQLSchema): Reader {
  for (const field of Object.values(library.getQueryType()?.getFields() ?? {})) {
    const where = field.args.find(({ name }) => name === 'where');
    if (String(field.type) !== `[${node.name}!]!` || where === undefined) continue;
    const type = getNamedType(where.type);
    const fields = 'getFields' in type ? type.getFields() : {};
    const missing = node.keys.flat().find((key) => fields[key] === undefined);
    if (missing !== undefined)
      throw badUserInput(`GRAPH_MODEL: ${node.name} cannot be found by ${missing}, which is in its key.`, {
        hint: `Leave out @filterable and @selectable on ${node.name}.${missing}.`,
      });
    return { node, field: field.name, where: type.name };
  }
  throw new Error(`The library reads no ${node.name}.`);
}

/** Equal for a representation and the row that it means, whether numbers come as texts or not. */
const identity = (
  key: readonly string[],
  values: Readonly<Record<string, unknown>>,
  nameOf = (field: string): string => field,
): string => JSON.stringify(key.map((field) => String(values[nameOf(field)])));

function whereOf(key: readonly string[], representations: readonly Representation[]): Record<string, unknown> {
  const [only] = key;
  if (key.length === 1) return { [only!]: { in: representations.map((representation) => representation[only!]) } };
  return {
    OR: representations.map((representation) => ({
      AND: key.map((field) => ({ [field]: { eq: representation[field] } })),
    })),
  };
}

const fieldNode = (name: string, alias?: string): FieldNode => ({
  kind: Kind.FIELD,
  name: nameNode(name),
  ...(alias === undefined ? {} : { alias: nameNode(alias) }),
});
const argumentOf = (name: string, variable: string) =>
  ({ kind: Kind.ARGUMENT, name: nameNode(name), value: { kind: Kind.VARIABLE, name: nameNode(variable) } }) as const;
const variableOf = (name: string, type: string) =>
  ({
    kind: Kind.VARIABLE_DEFINITION,
    variable: { kind: Kind.VARIABLE, name: nameNode(name) },
    type: parseType(type, { noLocation: true }),
  }) as const;
