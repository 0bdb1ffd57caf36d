/** Puts an answer that came in parts together, as a client does. */
import type { ExecutionResult, GraphQLError } from 'graphql';
import { parseExactJson, writeJson } from '#subgraphs/shared/exact-number.ts';
import type { IncrementalPatch, IncrementalResult } from '#gateway/execute/answers/deferred-answer.ts';

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

function applyPatch(data: unknown, { path, data: patch }: IncrementalPatch, nulls: Path[]): void {
  const target = path.reduce((value, part) => own(value as Data | null | undefined, part), data);
  if (typeof target !== 'object' || target === null)
    throw new Error(`A patch is for ${JSON.stringify(path)}, where there is nothing.`);
  if (patch === null) nulls.push(path);
  else merge(target as Data, patch);
}

/**
 * Of a field that is asked for twice, one may be null for what was selected below it there: in the plain answer it is
 * null for both.
 */
function merge(target: Data, patch: Data): void {
  for (const [key, value] of Object.entries(patch)) {
    const present = own(target, key);
    if (present === null) continue;
    if (typeof present === 'object' && present !== null && typeof value === 'object' && value !== null)
      merge(present as Data, value as Data);
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

/** The same value with the keys of objects in order: patches come when they come. */
export function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, below]) => [key, sorted(below)]),
  );
}
