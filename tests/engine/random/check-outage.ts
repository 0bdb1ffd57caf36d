/**
 * What an answer must be when a subgraph is down: that of the uncut schema with nulls, each of which was asked for in a
 * fetch that failed or follows from one that did, and explained by one error for each failed fetch.
 */
import {
  getNamedType,
  isObjectType,
  Kind,
  print,
  TypeInfo,
  visit,
  visitWithTypeInfo,
  type DocumentNode,
  type ExecutionResult,
  type SelectionSetNode,
} from 'graphql';
import { isDeepStrictEqual } from 'node:util';
import type { FederatedModel } from './federated-model.ts';

type Path = readonly (string | number)[];

/** A place that is null, and what it was expected to be. */
interface Loss {
  readonly path: Path;
  readonly value: unknown;
}

const KEYS: ReadonlySet<string> = new Set(['id', 'sku', 'ref', 'number']);

/**
 * @param federated its `outage.failed` is what the subgraph that is down was asked for this answer
 * @param expected of the uncut schema, with all subgraphs up
 * @param asked how many fetches of the plan asked the subgraph that is down: a fetch may be several requests, and equal
 *   fetches of two places are one, but each is told at its own place
 * @throws Error that says what of it does not hold
 */
export function checkOutage(
  federated: FederatedModel,
  document: DocumentNode,
  actual: ExecutionResult,
  expected: ExecutionResult,
  asked: number,
): void {
  const { down, failed } = federated.outage;
  const fail = (what: string): never => {
    throw new Error(
      `${print(document)}\nwith ${down} down, ${what}\n${JSON.stringify(actual)}\n` +
        `${JSON.stringify(expected.data)} when it is up; it was asked\n${failed.map((each) => print(each.document)).join('\n')}`,
    );
  };
  if (expected.data === undefined || actual.data === undefined) {
    if (actual.data !== undefined) fail('there is an answer to what is refused');
    return;
  }
  const losses: Loss[] = [];
  if (!findLosses(actual.data, expected.data, [], losses)) fail('other values are told');
  const errors = (actual.errors ?? []).filter(({ extensions }) => extensions?.service === down);
  const others = (actual.errors ?? []).filter((error) => !errors.includes(error));
  if (others.some(({ extensions }) => extensions?.code === 'SUBGRAPH_UNAVAILABLE')) fail('another is said to be');
  if (errors.length > asked) fail(`there are ${errors.length} errors for ${asked} failed fetches`);
  if (losses.length > 0 && errors.length === 0) fail('no error tells it');
  const lost = namesLost(federated);
  const names = namesByKey(document);
  for (const { path, value } of losses) {
    if (!errors.some((error) => leadsTo(error.path ?? [], path) || leadsTo(path, error.path ?? [])))
      fail(`no error leads to ${JSON.stringify(path)}`);
    if (![...keysOf(path, value)].some((key) => names.get(key)?.some((name) => lost.has(name)) === true))
      fail(`${JSON.stringify(path)} is null, which does not depend on it`);
  }
}

/** @returns whether all that is told is as expected; nulls instead are collected */
function findLosses(actual: unknown, expected: unknown, path: Path, losses: Loss[]): boolean {
  if (actual === null) {
    if (expected !== null) losses.push({ path, value: expected });
    return true;
  }
  if (typeof actual !== 'object' || typeof expected !== 'object' || expected === null)
    return isDeepStrictEqual(actual, expected);
  if (Array.isArray(actual) !== Array.isArray(expected)) return false;
  const keys = Object.keys(expected);
  if (Object.keys(actual as object).join() !== keys.join()) return false;
  return keys.every((key) =>
    findLosses(
      (actual as Record<string, unknown>)[key],
      (expected as Record<string, unknown>)[key],
      [...path, Array.isArray(actual) ? Number(key) : key],
      losses,
    ),
  );
}

/** The names of fields that the failed fetches were for, and of those that need what they were for. */
function namesLost({ outage, model, engine }: FederatedModel): Set<string> {
  const lost = new Set<string>();
  const unreached = new Set<string>();
  const types = new TypeInfo(engine.schema);
  // A fetch that looks for another key, of the objects that it is for or of those behind them, is on the way to other subgraphs.
  const looksForKeys = ({ selections }: SelectionSetNode): boolean =>
    selections.some((field) => field.kind === Kind.FIELD && KEYS.has(field.name.value));
  for (const { document } of outage.failed)
    visit(
      document,
      visitWithTypeInfo(types, {
        Field: ({ name, selectionSet }) => {
          lost.add(name.value);
          const type = getNamedType(types.getType());
          if (selectionSet !== undefined && type && looksForKeys(selectionSet)) unreached.add(type.name);
        },
        InlineFragment: ({ typeCondition, selectionSet }) => {
          if (looksForKeys(selectionSet)) unreached.add(typeCondition!.name.value);
        },
      }),
    );
  for (const { name, fields, implementsI } of model.entities) {
    if (!unreached.has(name) && !(implementsI && unreached.has('I'))) continue;
    for (const field of [...fields, ...(implementsI ? [...model.common, ...model.objectFields] : [])])
      lost.add(field.name);
    const type = engine.schema.getType(name);
    if (isObjectType(type)) for (const field of Object.keys(type.getFields())) lost.add(field);
  }
  const all = [...model.entities.flatMap(({ fields }) => fields), ...model.common, ...model.objectFields];
  for (let size = -1; size !== lost.size;) {
    size = lost.size;
    for (const { name, requires } of all) if (requires !== undefined && lost.has(requires.name)) lost.add(name);
  }
  return lost;
}

/** The names of the fields that stand behind a key of the answer, somewhere in the document. */
function namesByKey(document: DocumentNode): Map<string, string[]> {
  const names = new Map<string, string[]>();
  visit(document, {
    Field: ({ alias, name }) => {
      const key = alias?.value ?? name.value;
      names.set(key, [...(names.get(key) ?? []), name.value]);
    },
  });
  return names;
}

/** The key of the place, and those below it, from which its null may have moved up. */
function* keysOf(path: Path, value: unknown): Generator<string> {
  const key = path.findLast((part) => typeof part === 'string');
  if (key !== undefined) yield key;
  yield* keysBelow(value);
}

function* keysBelow(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, below] of Object.entries(value)) {
    if (!Array.isArray(value)) yield key;
    yield* keysBelow(below);
  }
}

const leadsTo = (path: Path, to: Path): boolean =>
  path.length <= to.length && path.every((part, index) => part === to[index]);
