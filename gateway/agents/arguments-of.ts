/** What a tool takes, as a schema. */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { editDistance } from '#subgraphs/shared/hints.ts';
import type { JsonSchema } from './output-schemas.ts';

/**
 * An object of these arguments. Others are passed over, since models add what they think (`reasoning`); but not one that is nearly one of
 * these, or another's word for one: who says `agent` or `agentName` for `agentId` would be told of all agents.
 */
export const argumentsOf = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.looseObject(shape).superRefine((given, context) => {
    for (const name of Object.keys(given)) {
      const meant = Object.hasOwn(shape, name) ? undefined : meantBy(name, Object.keys(shape));
      if (meant !== undefined)
        context.addIssue({
          code: 'custom',
          path: [name],
          message: `There is no such argument; did you mean \`${meant}\`?`,
        });
    }
  });

/**
 * Them as JSON Schema of 2020-12, without `$schema`, which some models' servers refuse among parameters and the Model Context Protocol
 * takes for granted, and without what holds of all anyway: each of these words is sent to a model on each turn.
 */
export function parametersOf(input: z.ZodType): JsonSchema {
  const {
    $schema: _,
    additionalProperties,
    ...schema
  } = z.toJSONSchema(input, {
    io: 'input',
    override: ({ jsonSchema }) => {
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      delete jsonSchema.propertyNames;
    },
  });
  return isDeepStrictEqual(additionalProperties, {}) ? schema : { ...schema, additionalProperties };
}

/** What other interfaces call how many are asked for. */
const FIRST = new Set([
  'limit',
  'k',
  'topk',
  'n',
  'count',
  'size',
  'pagesize',
  'maxresults',
  'numresults',
  'top',
  'take',
]);

/** The argument that is meant by a name, the likeliest; undefined where it is none's. */
function meantBy(given: string, known: readonly string[]): string | undefined {
  const one = plain(given);
  if (known.includes('first') && FIRST.has(one)) return 'first';
  const { thing, isNamed } = thingOf(given);
  const likely: ((name: string, other: string) => boolean)[] = [
    (_, other) => one === other,
    (_, other) => one !== '' && (one.startsWith(other) || other.startsWith(one)),
    // What differs in how it is named alone: `agentName` and `agentId`.
    (name) => isNamed && thing === thingOf(name).thing,
    (_, other) => one.length > 2 && isTypo(one, other, other.length < 5 ? 1 : 2),
  ];
  for (const isMeant of likely) {
    const found = known.find((name) => isMeant(name, plain(name)));
    if (found !== undefined) return found;
  }
  return undefined;
}

const isTypo = (one: string, other: string, most: number): boolean => editDistance(one, other, most) <= most;

/** Of `agent_id` and `agentId` the agent, and whether it says by what it is named. */
function thingOf(name: string): { readonly thing: string; readonly isNamed: boolean } {
  const thing = /^(.+?)[_-]?(?:ids?|name|key|ref|uuid)$/i.exec(name)?.[1];
  return { thing: plain(thing ?? name), isNamed: thing !== undefined };
}

const plain = (name: string): string => name.replaceAll(/[^a-z0-9]/gi, '').toLowerCase();
