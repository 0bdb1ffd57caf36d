/** Recorded operations: a folder of `.graphql` files, a log of requests, or a manifest of persisted queries. */
import { stat } from 'node:fs/promises';
import { basename, extname, join, relative } from 'node:path';
import { getOperationAST, parse, type OperationTypeNode } from 'graphql';
import { ExactNumber, parseExactJson } from '#subgraphs/shared/exact-number.ts';
import { graphqlFilesIn, isGraphqlFile, readTextFile } from '#ops/graphql-files.ts';
import { COMPARE } from './bounds.ts';
import type { RecordedOperation } from './side.ts';

export interface Recorded {
  readonly operations: readonly RecordedOperation[];
  /** What is not compared, and why. */
  readonly passedOver: readonly { readonly title: string; readonly why: string }[];
}

export interface ReadOptions {
  /** Whether mutations are run, on both sides. @default false */
  readonly mutations?: boolean;
}

/** One, as it was found. */
interface Found {
  readonly title: string;
  readonly query: string;
  readonly variables?: unknown;
  readonly operationName?: unknown;
}

/**
 * Reads
 * - a folder: `.graphql` and `.gql` files at any depth, one case for each operation, with variables in a `.json` file of the
 *   same name (an object, or a list of objects: one case each);
 * - a file of JSON lines: requests as they are sent, `{ "query", "variables", "operationName" }`, also within `body` or
 *   `request`, as logs of proxies have them;
 * - a manifest in Apollo's format (`apollo-persisted-query-manifest`) or Relay's (an object of texts by hash).
 * @throws Error for what cannot be read
 */
export async function readRecorded(path: string, { mutations = false }: ReadOptions = {}): Promise<Recorded> {
  const found = (await stat(path)).isDirectory() ? await readFolder(path) : await readRequests(path);
  const operations: RecordedOperation[] = [];
  const passedOver: { title: string; why: string }[] = [];
  for (const each of found) {
    const why =
      operations.length >= COMPARE.operations ? `there are ${COMPARE.operations} before it` : whyNot(each, mutations);
    if (why !== undefined) passedOver.push({ title: each.title, why });
    else
      operations.push({
        title: each.title,
        query: each.query,
        variables: (each.variables ?? {}) as Record<string, unknown>,
        ...(typeof each.operationName === 'string' && { operationName: each.operationName }),
      });
  }
  return { operations, passedOver };
}

function whyNot({ query, variables, operationName }: Found, mutations: boolean): string | undefined {
  if (
    variables != null &&
    (typeof variables !== 'object' || Array.isArray(variables) || variables instanceof ExactNumber)
  )
    return 'its variables are no object';
  let type: `${OperationTypeNode}` | undefined;
  try {
    type = getOperationAST(parse(query), typeof operationName === 'string' ? operationName : undefined)?.operation;
  } catch (error) {
    return (error as Error).message;
  }
  if (type === undefined) return 'it does not say which operation to run';
  if (type === 'subscription') return 'it is a subscription';
  return type === 'mutation' && !mutations
    ? 'it is a mutation, and would be made twice; --mutations runs it'
    : undefined;
}

async function readFolder(folder: string): Promise<Found[]> {
  const files = await graphqlFilesIn(folder);
  return (await Promise.all(files.map((file) => readDocument(folder, file)))).flat();
}

/** The cases of one document: its operations, each with each of its sets of variables. */
async function readDocument(folder: string, file: string): Promise<Found[]> {
  const query = await readText(file);
  const title = relative(folder, file);
  const besides = file.slice(0, -extname(file).length);
  const given = await readText(`${besides}.json`).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  const parsed = given === undefined ? {} : parseJson(given, `${basename(besides)}.json`);
  const sets = Array.isArray(parsed) ? (parsed as unknown[]) : [parsed];
  const names = namesIn(query);
  return names.flatMap((operationName) =>
    sets.map((variables, index) => ({
      title: [title, ...(names.length > 1 ? [operationName] : []), ...(sets.length > 1 ? [`#${index + 1}`] : [])].join(
        ' ',
      ),
      query,
      variables,
      operationName,
    })),
  );
}

/** Of the operations of a text; one that cannot be parsed is told when it is looked at. */
function namesIn(query: string): (string | undefined)[] {
  try {
    return parse(query, { noLocation: true }).definitions.flatMap((definition) =>
      definition.kind === 'OperationDefinition' ? [definition.name?.value] : [],
    );
  } catch {
    return [undefined];
  }
}

async function readRequests(file: string): Promise<Found[]> {
  const text = await readText(file);
  if (isGraphqlFile(file)) return await readDocument(join(file, '..'), file);
  const manifest = asManifest(text);
  if (manifest !== undefined) return manifest;
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const record = parseJson(line, `${basename(file)}, line ${index + 1}`);
    const found = requestIn(record);
    const title = `${basename(file)}:${index + 1}`;
    // What has only a hash, or is another line of a log, is told as what cannot be parsed.
    return [{ title, query: '', ...found }];
  });
}

/** A request, where it is or within `body` or `request`. */
function requestIn(record: unknown): Omit<Found, 'title'> | undefined {
  if (typeof record !== 'object' || record === null) return undefined;
  const { query, variables, operationName, body, request } = record as Record<string, unknown>;
  if (typeof query === 'string') return { query, variables, operationName };
  const inner: unknown = body ?? request;
  return requestIn(typeof inner === 'string' && inner.startsWith('{') ? parseExactJson(inner) : inner);
}

function asManifest(text: string): Found[] | undefined {
  if (!/^\s*\{\s*\n?/.test(text)) return undefined;
  let manifest: unknown;
  try {
    manifest = JSON.parse(text);
  } catch {
    return undefined; // Lines, each of which is JSON.
  }
  const { format, operations, query } = manifest as Record<string, unknown>;
  if (typeof query === 'string') return undefined; // One line.
  if (format === 'apollo-persisted-query-manifest' && Array.isArray(operations))
    return (operations as { name?: string; body: string }[]).map(({ name, body }, index) => ({
      title: name ?? `#${index + 1}`,
      query: body,
    }));
  const texts = Object.entries(manifest as Record<string, unknown>);
  return texts.every(([, each]) => typeof each === 'string')
    ? texts.map(([hash, each]) => ({ title: hash, query: each as string }))
    : undefined;
}

const readText = (file: string): Promise<string> => readTextFile(file, COMPARE.fileBytes);

function parseJson(text: string, where: string): unknown {
  try {
    return parseExactJson(text);
  } catch (cause) {
    throw new Error(`${where} is not JSON: ${(cause as Error).message}`, { cause });
  }
}
