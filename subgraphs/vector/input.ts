/** Checks what callers send: texts, ids, filters. */
import { isJsonObject, type JsonValue } from '#subgraphs/shared/json.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import { parseFilter } from '#subgraphs/shared/filters/parse.ts';
import { seesEveryUser } from '#subgraphs/shared/scopes.ts';
import type { IdFilterShape, MetadataFilterShape, StringFilterShape } from '#subgraphs/shared/shared-types.ts';
import { VECTOR } from './bounds.ts';
import type { ChunkColumn } from './driver.ts';

/** @throws CodedError `BAD_USER_INPUT` for a text that is too long or holds what stores cannot */
export function checkText(value: string, label: string, most: number, least = 0): string {
  if (value.length > most)
    throw badUserInput(`${label} is ${value.length} characters long; at most ${most} are accepted.`);
  if (value.trim().length < least) throw badUserInput(`${label} must not be empty.`);
  if (value.includes('\0')) throw badUserInput(`${label} cannot contain the NUL character (U+0000).`);
  // A half of a surrogate pair has no UTF-8 form: the store would keep another text than was sent.
  if (/\p{Cs}/u.test(value)) throw badUserInput(`${label} is not well-formed Unicode.`);
  return value;
}

export const checkId = (value: string, label: string): string => checkText(value, label, VECTOR.idCharacters, 1);

/** @throws CodedError `BAD_USER_INPUT` for more than `most` or a repeated one */
export function checkIds(values: readonly string[], label: string, most: number): readonly string[] {
  if (values.length > most) throw badUserInput(`${label} has ${values.length} items; at most ${most} are accepted.`);
  const seen = new Set<string>();
  for (const value of values) {
    checkId(value, label);
    if (seen.has(value)) throw badUserInput(`${label} names ${JSON.stringify(value)} twice.`);
    seen.add(value);
  }
  return values;
}

/** @throws CodedError `BAD_USER_INPUT` when it is no JSON object */
export function checkMetadata(value: JsonValue | null | undefined): { [key: string]: JsonValue } {
  if (value === null || value === undefined) return {};
  if (!isJsonObject(value)) throw badUserInput('`metadata` must be a JSON object.');
  return value;
}

/** Conditions as GraphQL has them. */
export interface SearchFilterShape {
  documentId?: IdFilterShape | null;
  mediaType?: StringFilterShape | null;
  collection?: StringFilterShape | null;
  source?: StringFilterShape | null;
  metadata?: MetadataFilterShape[] | null;
  and?: SearchFilterShape[] | null;
  or?: SearchFilterShape[] | null;
  not?: SearchFilterShape | null;
}

/** Conditions on remembered facts, or on messages, as GraphQL has them. */
export interface FactFilterShape {
  id?: IdFilterShape | null;
  and?: FactFilterShape[] | null;
  or?: FactFilterShape[] | null;
  not?: FactFilterShape | null;
}

const COLUMNS: Readonly<Record<ChunkColumn, 'scalar' | 'json'>> = {
  documentId: 'scalar',
  mediaType: 'scalar',
  collection: 'scalar',
  source: 'scalar',
  metadata: 'json',
};

const RULES = {
  columns: COLUMNS,
  conditions: VECTOR.conditions,
  depth: VECTOR.conditionDepth,
  listed: VECTOR.listed,
  characters: VECTOR.filterCharacters,
  pathKeys: VECTOR.pathKeys,
};

const ID_RULES = { ...RULES, columns: { documentId: 'scalar' }, formerly: { id: 'documentId' } } as const;

/**
 * A filter as drivers take it; undefined where it asks for nothing.
 * @param collection one whose chunks alone are let through, where it is given
 * @throws CodedError `BAD_USER_INPUT`
 */
export function checkFilter(
  where: SearchFilterShape | null | undefined,
  collection?: string | null,
): Condition | undefined {
  const filter = parseFilter(RULES, where);
  if (collection === null || collection === undefined) return filter;
  checkText(collection, '`collection`', VECTOR.collectionCharacters, 1);
  return bothOf(filter, { kind: 'compare', column: 'collection', operator: '=', value: collection });
}

/**
 * A filter of remembered facts as drivers take it, which lets through what is of everybody, and what is the caller's own: there a fact is a
 * document of one chunk, which has the fact's id, and for a source the user whose alone it is.
 * @throws CodedError `BAD_USER_INPUT`
 */
export const checkFactFilter = (
  { principal }: RequestContext,
  where: FactFilterShape | null | undefined,
): Condition | undefined =>
  ofUsers(where, seesEveryUser(principal, 'memory:all') ? undefined : ['', principal.subject]);

/**
 * The same of messages, of which the caller's own are let through: they are kept as facts are, and all are a user's.
 * @throws CodedError `BAD_USER_INPUT`
 */
export const checkMessageFilter = (
  { principal }: RequestContext,
  where: FactFilterShape | null | undefined,
): Condition | undefined => ofUsers(where, seesEveryUser(principal, 'sessions:all') ? undefined : [principal.subject]);

/** @param users whose alone are let through; undefined for all */
function ofUsers(
  where: FactFilterShape | null | undefined,
  users: readonly string[] | undefined,
): Condition | undefined {
  const filter = parseFilter(ID_RULES, where);
  return users === undefined ? filter : bothOf(filter, { kind: 'in', column: 'source', values: users });
}

/** What lets through what both do. */
export const bothOf = (filter: Condition | undefined, other: Condition): Condition =>
  filter === undefined ? other : { kind: 'and', of: [filter, other] };
