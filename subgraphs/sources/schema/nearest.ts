/** Root fields that find rows near to a text, a vector or another row, by vectors that the store keeps. */
import type { GraphQLResolveInfo } from 'graphql';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { WEIGHT } from '#subgraphs/shared/cost.ts';
import { badUserInput, CodedError, notFound } from '#subgraphs/shared/errors.ts';
import type { FilterInput } from '#subgraphs/shared/filters/parse.ts';
import { constantOf } from '#subgraphs/shared/order-input.ts';
import { selectedFields } from '#subgraphs/shared/selections.ts';
import { SOURCES } from '../bounds.ts';
import type { NearRow, VectorMeasure } from '../driver.ts';
import { singleKey, type ModelType, type ModelVector } from '../model/model.ts';
import { filterInput, parseFilter } from './filters.ts';
import { neededOf } from './lists.ts';
import type { SchemaParts } from './parts.ts';

interface NearestArguments {
  readonly text?: string | null;
  readonly vector?: readonly number[] | null;
  readonly row?: unknown;
  readonly by?: string | null;
  readonly where?: FilterInput | null;
  readonly first: number;
  readonly threshold?: number | null;
}

const DISTANCES: ReadonlySet<VectorMeasure> = new Set(['euclid', 'manhattan']);
const told = ({ dimensions, measure }: ModelVector): string =>
  `${dimensions} dimensions, compared by ${measure}${DISTANCES.has(measure) ? ': a distance, of which the least is the nearest' : ''}`;

export function addNearest(parts: SchemaParts, type: ModelType): void {
  const { vectors, items } = type;
  const { subgraph, driver } = parts;
  const [only] = vectors;
  if (only === undefined || driver.nearest === undefined) return;
  const { builder } = subgraph;
  const key = driver.vectorOf === undefined ? undefined : singleKey(type);
  const keyed = type.columns.find(({ field }) => field === key);
  const match = builder.objectRef<NearRow>(`${type.name}Match`).implement({
    description: `One of ${items} that was found near to something.`,
    fields: (t) => ({
      score: t.float({
        nullable: false,
        description: `How near, as the store measures it: ${vectors.map((vector) => `${vectors.length > 1 ? `\`${vector.name}\` by ` : 'by '}${vector.measure}`).join(', ')}.${vectors.some(({ measure }) => DISTANCES.has(measure)) ? ' Of distances the least is the nearest, of others the greatest.' : ' The greatest is the nearest.'}`,
        resolve: ({ score }) => score,
      }),
      node: t.field({
        type: parts.refs.get(type.name)! as never,
        nullable: false,
        description: 'The row.',
        resolve: (({ row }: NearRow) => row) as never,
      }),
    }),
  });
  const byWords = vectors.filter(({ model }) => model !== undefined);
  const several =
    vectors.length === 1
      ? undefined
      : builder.enumType(`${type.name}Vector`, {
          description: `Vectors that are kept of ${items}.`,
          values: Object.fromEntries(
            vectors.map((vector) => [
              constantOf(vector.name),
              { value: vector.name, description: `\`${vector.name}\`: ${told(vector)}.` },
            ]),
          ) as never,
        });
  const ways = [...(byWords.length > 0 ? ['text'] : []), 'vector', ...(keyed === undefined ? [] : ['row'])];
  builder.queryField(`${type.list}Nearest`, (t) =>
    t.field({
      type: [match],
      nullable: { list: false, items: false } as never,
      directives: {
        cost: { weight: byWords.length > 0 ? WEIGHT.search : WEIGHT.similar },
        listSize: {
          slicingArguments: ['first'],
          assumedSize: SOURCES.nearestDefault,
          requireOneSlicingArgument: false,
        },
      },
      description:
        `The ${items} nearest to ${ways.length === 1 ? 'a vector' : `a ${ways.join(', a ').replace(/, a (\w+)$/, ' or a $1')}`}, the nearest first, of those that match: as many as asked for, where so many match. ${vectors.length === 1 ? `Vectors have ${told(only)}.` : ''}`.trim(),
      args: {
        ...(byWords.length === 0
          ? {}
          : {
              text: t.arg.string({
                description: `Words or a question, 1 to ${SOURCES.nearTextCharacters.toLocaleString('en')} characters, embedded by the gateway.`,
              }),
            }),
        vector: t.arg({
          type: ['Float'],
          description: 'A vector, with as many numbers as those of the rows have dimensions.',
        }),
        ...(keyed === undefined
          ? {}
          : {
              row: t.arg({
                type: parts.typed(keyed) as never,
                description: `The \`${keyed.field}\` of one of ${items}, which is not among what is found.`,
              }),
            }),
        ...(several === undefined
          ? {}
          : { by: t.arg({ type: several, description: `By which vectors; by \`${only.name}\` when absent.` }) }),
        where: t.arg({
          type: filterInput(parts, type),
          description: `Which ${items} take part; all of them when absent.`,
        }),
        first: t.arg.int({
          required: true,
          defaultValue: SOURCES.nearestDefault,
          description: `How many at the most, 0 to ${SOURCES.nearest}.`,
        }),
        threshold: t.arg.float({
          description: 'Only what is at least so near: the least score, of distances the greatest.',
        }),
      } as never,
      resolve: ((_: unknown, args: NearestArguments, context: RequestContext, info: GraphQLResolveInfo) =>
        find(parts, type, args, context, info, ways)) as never,
    }),
  );
}

async function find(
  parts: SchemaParts,
  type: ModelType,
  args: NearestArguments,
  context: RequestContext,
  info: GraphQLResolveInfo,
  ways: readonly string[],
): Promise<readonly NearRow[]> {
  const { first, threshold } = args;
  if (first < 0 || first > SOURCES.nearest) throw badUserInput(`\`first\` is 0 to ${SOURCES.nearest}; got ${first}.`);
  const given = ways.filter((way) => args[way as keyof NearestArguments] != null);
  if (given.length !== 1)
    throw badUserInput(
      `Say one thing that rows are to be near to, ${ways.map((way) => `\`${way}\``).join(' or ')}; got ${given.length === 0 ? 'none' : given.join(', ')}.`,
    );
  const vector = type.vectors.find(({ name }) => name === (args.by ?? type.vectors[0]!.name))!;
  const key = singleKey(type);
  const row = args.row == null ? undefined : String(args.row as string);
  const to = await towards(parts, type, vector, args, context);
  if (to.length !== vector.dimensions)
    throw badUserInput(`A vector of ${vector.name} has ${vector.dimensions} numbers; got ${to.length}.`);
  if (first === 0) return [];
  const own = parseFilter(parts, type, args.where);
  const other =
    row === undefined
      ? undefined
      : ({ kind: 'not', of: { kind: 'compare', column: key!, operator: '=', value: row } } as const);
  const where =
    own === undefined || other === undefined ? (own ?? other) : ({ kind: 'and', of: [other, own] } as const);
  const needed = neededOf(type, selectedFields(info, [['node']]));
  const found = await parts.driver.nearest!(context, {
    relation: type.relation,
    ...needed,
    where,
    vector,
    to,
    limit: first,
  });
  if (threshold == null) return found;
  return found.filter(({ score }) => (DISTANCES.has(vector.measure) ? score <= threshold : score >= threshold));
}

async function towards(
  { driver, embedder, source }: SchemaParts,
  type: ModelType,
  vector: ModelVector,
  { text, vector: given, row }: NearestArguments,
  context: RequestContext,
): Promise<readonly number[]> {
  if (given != null) return given;
  if (text == null) {
    const key = singleKey(type)!;
    const found = await driver.vectorOf!(context, type.relation, vector, { [key]: String(row as string) });
    if (found === undefined) throw notFound(type.name, String(row as string));
    return found;
  }
  if (text.trim() === '' || text.length > SOURCES.nearTextCharacters)
    throw badUserInput(
      `\`text\` has 1 to ${SOURCES.nearTextCharacters} characters; got ${text.trim() === '' ? 'none' : text.length}.`,
    );
  if (vector.model === undefined)
    throw badUserInput(
      `Nothing says which model made the vectors ${vector.name}, so no text can be compared with them.`,
      {
        hint: 'Give a `vector`, or say the model in the file of SOURCES.',
      },
    );
  const port = embedder();
  if (port === undefined)
    throw new CodedError('STORE_DISABLED', 'No model makes vectors of texts here.', { hint: 'Give a `vector`.' });
  const { model, vectors } = await port.embed(context, [text], 'QUERY');
  if (model !== vector.model)
    throw badUserInput(
      `The vectors ${vector.name} of ${source} are of the model ${vector.model}, and the gateway embeds with ${model}.`,
      {
        hint: 'Give a `vector`. Operators may set EMBEDDING_MODEL, or correct `model` in the file of SOURCES.',
      },
    );
  return [...vectors[0]!];
}
