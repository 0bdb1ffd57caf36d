/** Puts an answer that came in parts together, as a client does. */
import type { ExecutionResult, GraphQLError } from 'graphql';
import { ExactNumber, parseExactJson, writeJson } from '#subgraphs/shared/exact-number.ts';
import type { IncrementalPatch, IncrementalResult, ItemsPatch } from '#gateway/execute/answers/incremental-result.ts';

type Data = Record<string, unknown>;
type Path = readonly (string | number)[];

/**
 * @param plain the answer's data without `@defer`; a null that stayed inside a deferred part goes as far up as it does
 *   there, and must go up
 * @throws Error when a patch is for a place that is not in the answer, a part comes twice, or the stream goes on after
 *   its end
 */
export async function applyPatches(stream: AsyncIterable<ExecutionResult>, plain?: unknown): Promise<ExecutionResult> {
  let data: unknown;
  let ended: boolean | undefined;
  const errors: GraphQLError[] = [];
  const nulls: Path[] = [];
  for await (const message of stream as AsyncIterable<IncrementalResult>) {
    if (ended === true) throw new Error('The stream went on after its end.');
    const first = ended === undefined;
    ended = !message.hasNext;
    const received = parseExactJson(writeJson(message)) as IncrementalResult;
    if (first) data = received.data;
    errors.push(...(received.errors ?? []));
    for (const patch of received.incremental ?? []) {
      errors.push(...(patch.errors ?? []));
      applyPatch(data, patch, nulls);
    }
  }
  if (ended !== true) throw new Error('The stream broke off.');
  for (const path of nulls) data = withNull(data, plain, path);
  return { data: data as Data | null, ...(errors.length > 0 && { errors }) };
}

function applyPatch(data: unknown, given: IncrementalPatch, nulls: Path[]): void {
  if ('items' in given) return addItems(data, given, nulls);
  const { path, data: patch } = given;
  const target = path.reduce((value, part) => own(value as Data | null | undefined, part), data);
  if (typeof target !== 'object' || target === null)
    throw new Error(`A patch is for ${JSON.stringify(path)}, where there is nothing.`);
  if (patch === null) nulls.push(path);
  else merge(target as Data, patch);
}

function addItems(data: unknown, { path, items }: ItemsPatch, nulls: Path[]): void {
  const at = path.slice(0, -1);
  const list = at.reduce((value, part) => own(value as Data | null | undefined, part), data);
  if (!Array.isArray(list) || path.at(-1) !== list.length)
    throw new Error(`Items are for ${JSON.stringify(path)}, which is not the end of a list.`);
  if (items === null) nulls.push(at);
  else list.push(...items);
}

/**
 * Of a field that is asked for twice, one may be null for what was selected below it there: in the plain answer it is
 * null for both.
 */
function merge(target: Data, patch: Data): void {
  for (const [key, value] of Object.entries(patch)) {
    const present = own(target, key);
    if (present === null) continue;
    if (isContainer(present) && isContainer(value)) merge(present, value as Data);
    else Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  }
}

/** What `__proto__` or `toString` is in an answer, and not in every object. */
const own = (value: Data | null | undefined, key: string | number): unknown =>
  value !== null && value !== undefined && Object.hasOwn(value, key) ? value[key] : undefined;

function withNull(data: unknown, plain: unknown, path: Path): unknown {
  if (data === null || plain === null) return null;
  const [key, ...rest] = path;
  if (key === undefined) throw new Error('A deferred part is null although the plain answer has it.');
  const object = data as Record<string | number, unknown>;
  object[key] = withNull(object[key], (plain as typeof object)[key], rest);
  return data;
}

/** Whether it is a list or an object of the answer: a long number is an object, and one value. */
const isContainer = (value: unknown): value is Data =>
  typeof value === 'object' && value !== null && !(value instanceof ExactNumber);

/** The same value with the keys of objects in order: patches come when they come. */
export function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isContainer(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, below]) => [key, sorted(below)]),
  );
}
