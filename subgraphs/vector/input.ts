/** Checks what callers send: texts, ids, filters. */
import { byValue, ExactNumber, writeJson } from '#subgraphs/shared/exact-number.ts';
import { isJsonObject, type JsonValue } from '#subgraphs/shared/json.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { VECTOR } from './bounds.ts';
import type { ChunkFilter, MetadataCondition } from './driver.ts';

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
  documentId?: { eq?: string | null; in?: string[] | null } | null;
  mediaType?: { eq?: string | null; in?: string[] | null } | null;
  collection?: { eq?: string | null; in?: string[] | null } | null;
  source?: { eq?: string | null; in?: string[] | null; startsWith?: string | null } | null;
  metadata?: { path: string[]; eq?: JsonValue | null; in?: JsonValue[] | null }[] | null;
}

/**
 * A filter as drivers take it.
 * @throws CodedError `BAD_USER_INPUT`
 */
export function checkFilter(where: SearchFilterShape | null | undefined): ChunkFilter {
  const filter: { -readonly [Key in keyof ChunkFilter]: ChunkFilter[Key] } = {};
  const documentIds = oneOf(where?.documentId, 'where.documentId', VECTOR.idCharacters);
  if (documentIds) filter.documentIds = documentIds;
  const mediaTypes = oneOf(where?.mediaType, 'where.mediaType', VECTOR.mediaTypeCharacters);
  if (mediaTypes) filter.mediaTypes = mediaTypes;
  const collections = oneOf(where?.collection, 'where.collection', VECTOR.collectionCharacters);
  if (collections) filter.collections = collections;
  const sources = oneOf(where?.source, 'where.source', VECTOR.sourceCharacters);
  if (sources) filter.sources = sources;
  const prefix = where?.source?.startsWith;
  if (typeof prefix === 'string')
    filter.sourcePrefix = checkText(prefix, 'where.source.startsWith', VECTOR.sourceCharacters);
  const metadata = where?.metadata ?? [];
  if (metadata.length > VECTOR.conditions)
    throw badUserInput(`\`where.metadata\` has at most ${VECTOR.conditions} conditions.`);
  if (metadata.length > 0) filter.metadata = metadata.map(metadataCondition);
  return filter;
}

/** `eq` and `in` together as one list; undefined where neither is given. */
function oneOf(
  given: { eq?: string | null; in?: string[] | null } | null | undefined,
  label: string,
  most: number,
): string[] | undefined {
  const { eq, in: list } = given ?? {};
  if (list && list.length > VECTOR.listed)
    throw badUserInput(`\`${label}.in\` has at most ${VECTOR.listed} values; got ${list.length}.`);
  for (const value of [...(list ?? []), ...(typeof eq === 'string' ? [eq] : [])])
    checkText(value, `\`${label}\``, most);
  if (typeof eq !== 'string') return list ?? undefined;
  return list === null || list === undefined || list.includes(eq) ? [eq] : [];
}

type Scalar = MetadataCondition['any'][number];

function metadataCondition({
  path,
  eq,
  in: list,
}: NonNullable<SearchFilterShape['metadata']>[number]): MetadataCondition {
  if (path.length === 0 || path.length > VECTOR.pathKeys)
    throw badUserInput(`\`where.metadata.path\` has 1 to ${VECTOR.pathKeys} keys; got ${path.length}.`);
  for (const key of path) checkText(key, '`where.metadata.path`', VECTOR.idCharacters);
  if (eq === undefined && (list === undefined || list === null)) {
    throw badUserInput('A condition of `where.metadata` needs `eq` or `in`.');
  }
  if (list && list.length > VECTOR.listed)
    throw badUserInput(`\`where.metadata.in\` has at most ${VECTOR.listed} values; got ${list.length}.`);
  const scalar = (value: JsonValue): Scalar => {
    if (value instanceof ExactNumber) return byValue(value);
    if (typeof value === 'object' && value !== null) {
      throw badUserInput(
        '`where.metadata` compares with texts, numbers, booleans and null, not with objects or lists.',
      );
    }
    return value;
  };
  const listed = list?.map(scalar);
  if (eq === undefined) return { path, any: listed! };
  const wanted = scalar(eq);
  return {
    path,
    any: listed === undefined || listed.some((each) => writeJson(each) === writeJson(wanted)) ? [wanted] : [],
  };
}
