/** Checks of what callers send, before any of it reaches a store. All raise `BAD_USER_INPUT`. */
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { scalarFilter } from '#subgraphs/shared/filters/parse.ts';
import { checkJson, isJsonObject, type JsonValue } from '#subgraphs/shared/json.ts';
import type { IdFilterShape, StringFilterShape } from '#subgraphs/shared/shared-types.ts';
import { GRAPH } from './bounds.ts';
import { ENTITY_KINDS, RELATION_KINDS, RELATION_TYPE } from './driver.ts';
import type { EntityReference, EntityWrite, Properties, RelationWrite } from './driver.ts';

/** Returns `text` where a store can hold and compare it. */
export function checkText(what: string, text: string, limits: { min: number; max: number }): string {
  if (text.includes('\0')) throw badUserInput(`${what} cannot contain the NUL character (U+0000).`);
  if (/\p{Surrogate}/u.test(text)) throw badUserInput(`${what} cannot contain half of a surrogate pair.`);
  if (text.length > limits.max)
    throw badUserInput(`${what} is at most ${limits.max} characters long; got ${text.length}.`);
  if (text.trim().length < limits.min) throw badUserInput(`${what} must not be empty.`);
  return text;
}

export function checkCount(what: string, count: number, max: number): void {
  if (count > max)
    throw badUserInput(`At most ${max} ${what} are accepted in one call; got ${count}.`, { hint: 'Split the call.' });
}

/** Returns a bounded number, or its default where it is absent. */
export function checkRange(
  what: string,
  value: number | null | undefined,
  bounds: { min: number; max: number; default: number },
): number {
  const number = value ?? bounds.default;
  if (number < bounds.min || number > bounds.max)
    throw badUserInput(`\`${what}\` must be ${bounds.min} to ${bounds.max}; got ${number}.`);
  return number;
}

export function checkRelationType(type: string): string {
  if (!RELATION_TYPE.test(type)) {
    throw badUserInput(`${JSON.stringify(type.slice(0, 80))} is not a relation type.`, {
      hint: 'A relation type is capital letters, digits and underscores, starts with a letter, and has at most 64 characters, such as DEPENDS_ON.',
    });
  }
  return type;
}

/** Returns distinct types in a fixed order, so that equal questions share a loader; null means every type. */
export function checkRelationTypes(types: readonly string[] | null | undefined): string[] | null {
  if (!types) return null;
  checkCount('types', types.length, GRAPH.listed);
  return [...new Set(types.map(checkRelationType))].sort();
}

/** As {@link checkRelationTypes}, for kinds of entities. */
export function checkKinds(kinds: readonly string[] | null | undefined): string[] | null {
  if (!kinds) return null;
  checkCount('kinds', kinds.length, GRAPH.listed);
  return [...new Set(kinds.map((kind) => checkText('A kind', kind, { min: 0, max: GRAPH.kindCharacters })))].sort();
}

export function checkProperties(value: unknown): Properties {
  if (value === null || value === undefined) return {};
  if (!isJsonObject(value as JsonValue)) throw badUserInput('`properties` must be a JSON object.');
  return checkJson(value) as Properties;
}

export function checkEntity(input: { name: string; kind: string; properties?: unknown }): EntityWrite {
  return {
    name: checkText("An entity's name", input.name, { min: 1, max: GRAPH.nameCharacters }),
    kind: checkText("An entity's kind", input.kind, { min: 1, max: GRAPH.kindCharacters }),
    properties: checkProperties(input.properties),
  };
}

export interface ReferenceInput {
  id?: string | null;
  name?: string | null;
  kind?: string | null;
}

export function checkReference({ id, name, kind }: ReferenceInput): EntityReference {
  if (typeof id === 'string' && name == null && kind == null)
    return { id: checkText('An id', id, { min: 1, max: GRAPH.idCharacters }) };
  if (id == null && typeof name === 'string' && typeof kind === 'string') {
    const { name: checkedName, kind: checkedKind } = checkEntity({ name, kind });
    return { name: checkedName, kind: checkedKind };
  }
  throw badUserInput('An end of a relation takes either `id`, or `name` and `kind`.');
}

/** An entity as callers give it. */
export interface EntityInput {
  name: string;
  kind: string;
  properties?: JsonValue | null;
}

export interface RelationInput {
  from: ReferenceInput;
  to: ReferenceInput;
  type: string;
  properties?: unknown;
}

export const checkRelation = (input: RelationInput): RelationWrite => ({
  from: checkReference(input.from),
  to: checkReference(input.to),
  type: checkRelationType(input.type),
  properties: checkProperties(input.properties),
});

export interface EntityFilter {
  id?: IdFilterShape | null;
  name?: StringFilterShape | null;
  kind?: StringFilterShape | null;
  and?: EntityFilter[] | null;
  or?: EntityFilter[] | null;
  not?: EntityFilter | null;
}

export interface RelationFilter {
  id?: IdFilterShape | null;
  type?: StringFilterShape | null;
  fromId?: IdFilterShape | null;
  fromName?: StringFilterShape | null;
  fromKind?: StringFilterShape | null;
  toId?: IdFilterShape | null;
  toName?: StringFilterShape | null;
  toKind?: StringFilterShape | null;
  and?: RelationFilter[] | null;
  or?: RelationFilter[] | null;
  not?: RelationFilter | null;
}

const FILTER_BOUNDS = {
  conditions: GRAPH.conditions,
  depth: GRAPH.conditionDepth,
  listed: GRAPH.listed,
  characters: GRAPH.nameCharacters,
};

/**
 * What a filter asks of an entity's `id`, `name` and `kind`; undefined where it asks for nothing.
 * @throws CodedError `BAD_USER_INPUT` where it passes the bounds of one filter
 */
export const entityCondition = scalarFilter<EntityFilter>(Object.keys(ENTITY_KINDS), FILTER_BOUNDS);

/** What a filter asks of a relation and its ends, likewise. */
export const relationCondition = scalarFilter<RelationFilter>(Object.keys(RELATION_KINDS), FILTER_BOUNDS);
