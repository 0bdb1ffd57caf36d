/** Names that the API had before, which stay, deprecated. */
import { badUserInput } from './errors.ts';

/** Why a name is deprecated. */
export const insteadUse = (name: string): { deprecationReason: string } => ({ deprecationReason: `Use \`${name}\`.` });

/**
 * The value of a required input field that has another name now, whichever it was given by.
 * @throws CodedError `BAD_USER_INPUT` where neither is given, or both are and differ
 */
export function renamed<Input extends object, Name extends keyof Input & string>(
  input: Input,
  name: Name,
  former: keyof Input & string,
): NonNullable<Input[Name]> {
  const [value, before] = [input[name], input[former]];
  if (value != null && before != null && (value as unknown) !== before)
    throw badUserInput(`\`${name}\` and \`${former}\` are two names of one thing, and were given different values.`, {
      hint: `Give \`${name}\` alone; \`${former}\` is its former name.`,
    });
  const given = value ?? before;
  if (given === null || given === undefined) throw badUserInput(`\`${name}\` is required.`);
  return given as NonNullable<Input[Name]>;
}
