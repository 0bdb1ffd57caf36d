/**
 * Where a subgraph's schema comes from: a file, the subgraph itself through `{ _service { sdl } }`, or this process.
 */
import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { Agent, fetch } from 'undici';
import { tlsConnector, type SubgraphTls } from '#gateway/config/tls-connector.ts';
import { SUPERGRAPH } from '#gateway/bounds/supergraph.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import { SupergraphError, type SubgraphEntry } from './supergraph-file.ts';

/** One subgraph as composition takes it. */
export interface SubgraphSource {
  readonly name: string;
  readonly url: string;
  readonly sdl: string;
  /** What messages call the schema: its file, or its URL. */
  readonly origin: string;
}

/** See `SUPERGRAPH` (gateway/bounds/supergraph.ts). */
export interface SchemaBounds extends Pick<BoundValues<typeof SUPERGRAPH>, 'fetchTimeoutMs' | 'schemaBytes'> {
  /** How a subgraph is connected to, by its name. @default as Node.js connects */
  readonly tlsOf?: ((name: string) => SubgraphTls) | undefined;
}

/** @throws SupergraphError naming the file or the URL */
export async function loadSchema(
  entry: SubgraphEntry,
  {
    fetchTimeoutMs = SUPERGRAPH.fetchTimeoutMs,
    schemaBytes = SUPERGRAPH.schemaBytes,
    tlsOf,
  }: Partial<SchemaBounds> = {},
): Promise<SubgraphSource> {
  const { name, routingUrl, schema } = entry;
  if ('sdl' in schema) return { name, url: routingUrl, sdl: schema.sdl, origin: schema.origin };
  if ('url' in schema)
    return {
      name,
      url: routingUrl,
      sdl: await fetchSchema(name, schema.url, { fetchTimeoutMs, schemaBytes, tlsOf }),
      origin: schema.url,
    };
  const origin = relative(process.cwd(), schema.file) || schema.file;
  try {
    return { name, url: routingUrl, sdl: await readFile(schema.file, 'utf8'), origin };
  } catch (cause) {
    throw new SupergraphError(
      `${origin}: the schema of ${name} cannot be read (${(cause as NodeJS.ErrnoException).code}).`,
      { cause },
    );
  }
}

async function fetchSchema(
  name: string,
  url: string,
  { fetchTimeoutMs, schemaBytes, tlsOf }: SchemaBounds,
): Promise<string> {
  const dispatcher = new Agent({ connect: tlsConnector(tlsOf?.(name) ?? {}) });
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ query: '{ _service { sdl } }' }),
      signal: AbortSignal.timeout(fetchTimeoutMs),
      redirect: 'error',
      dispatcher,
    });
    const body = JSON.parse(await textOf(response, schemaBytes)) as { data?: { _service?: { sdl?: unknown } } };
    const sdl = body.data?._service?.sdl;
    if (typeof sdl !== 'string') throw new Error(`it answered ${response.status} without a schema`);
    return sdl;
  } catch (cause) {
    throw new SupergraphError(`${url}: the schema of ${name} cannot be fetched: ${(cause as Error).message}.`, {
      cause,
    });
  } finally {
    await dispatcher.destroy();
  }
}

/** @throws Error as soon as more than `limit` bytes have come, whatever the answer said of its length */
async function textOf({ body }: { readonly body: unknown }, limit: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop ends the connection.
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.byteLength;
    if (length > limit) throw new Error(`the answer is longer than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
