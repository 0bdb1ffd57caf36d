/** What a tool takes, as a schema. */
import { z } from 'zod';

/**
 * An object of these arguments. Others are passed over, since models add what they think (`reasoning`); but not one that is nearly one of
 * these: who says `agent` for `agentId` would be told of all agents.
 */
export const argumentsOf = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.looseObject(shape).superRefine((given, context) => {
    for (const name of Object.keys(given)) {
      const meant = Object.hasOwn(shape, name) ? undefined : Object.keys(shape).find((each) => isNear(name, each));
      if (meant !== undefined)
        context.addIssue({
          code: 'custom',
          path: [name],
          message: `There is no such argument; did you mean \`${meant}\`?`,
        });
    }
  });

/** Them as JSON Schema, without `$schema`, which some models' servers refuse among parameters. */
export function parametersOf(input: z.ZodType): object {
  const { $schema: _, ...schema } = z.toJSONSchema(input, { io: 'input' });
  return schema;
}

function isNear(given: string, known: string): boolean {
  const [one, other] = [plain(given), plain(known)];
  return one !== '' && (one.startsWith(other) || other.startsWith(one));
}

const plain = (name: string): string => name.replaceAll(/[^a-z0-9]/gi, '').toLowerCase();
