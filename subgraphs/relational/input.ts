/** Checks on texts that callers send. */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput, forbidden } from '#subgraphs/shared/errors.ts';
import { missingScopes, seesEveryUser, type EveryUsers } from '#subgraphs/shared/scopes.ts';
import { isSubject } from '#subgraphs/shared/subject.ts';
import { RELATIONAL } from './bounds.ts';

// Matches only surrogates that are not half of a pair.
const LONE_SURROGATE = /\p{Cs}/u;

/**
 * Returns `value` where it is a text that can be stored.
 * @param name how the caller knows the field, for the message
 * @throws CodedError `BAD_USER_INPUT`
 */
export function checkText(name: string, value: string, options: { max: number; blank?: boolean }): string {
  if (value.length > options.max) {
    throw badUserInput(`\`${name}\` is ${value.length} characters long; at most ${options.max} are accepted.`);
  }
  if (value.includes('\0')) throw badUserInput(`\`${name}\` cannot contain the NUL character (U+0000).`);
  if (LONE_SURROGATE.test(value)) throw badUserInput(`\`${name}\` must be well-formed Unicode.`);
  if (options.blank !== true && value.trim() === '') throw badUserInput(`\`${name}\` must not be empty.`);
  return value;
}

/** {@link checkText} for a name of up to `RELATIONAL.nameCharacters`. */
export const checkName = (name: string, value: string): string =>
  checkText(name, value, { max: RELATIONAL.nameCharacters });

/** {@link checkText} for a text that may be absent; an empty one counts as absent. */
export function optionalText(name: string, value: string | null | undefined, max: number): string | null {
  return value === null || value === undefined || value === '' ? null : checkText(name, value, { max });
}

const MEDIA_TYPE = /^[A-Za-z0-9!#$&^_.+-]{1,127}\/[A-Za-z0-9!#$&^_.+-]{1,127}(\s*;[\x20-\x7e]*)?$/;

/** Checks a media type: RFC 6838 names, with parameters. */
export function checkMediaType(name: string, value: string): string {
  checkText(name, value, { max: RELATIONAL.mediaTypeCharacters });
  if (!MEDIA_TYPE.test(value))
    throw badUserInput(`\`${name}\` is not a media type; write one such as \`text/markdown\`.`);
  return value;
}

/**
 * Whose something is to be: the caller's own, or whose he says where he may see everybody's.
 * @param scope that shows those of all users
 * @param doing what he may not do without it, as a sentence has it
 * @throws CodedError `FORBIDDEN`
 */
export function userOf(
  { principal }: RequestContext,
  userId: string | null | undefined,
  scope: EveryUsers,
  doing: string,
): string {
  if (userId == null || userId === principal.subject) return principal.subject;
  if (!seesEveryUser(principal, scope))
    throw forbidden(`The caller may not ${doing} of other users.`, {
      hint: `Leave \`userId\` out. ${missingScopes(`the scope ${scope}`)}`,
    });
  checkName('userId', userId);
  if (!isSubject(userId))
    throw badUserInput('`userId` names nobody who could sign in.', {
      hint: 'No user begins with `system:`, is an API key, or has white space around the name.',
    });
  return userId;
}
