/**
 * `supergraph.yaml` in Rover's format: which subgraphs there are, where they answer, and where their schemas come from.
 */
import { readFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import type { GraphQLSchema } from 'graphql';
import { z } from 'zod';
import { nameInVariables } from '#gateway/bounds/remote.ts';
import { parseYaml } from '#subgraphs/shared/yaml-file.ts';

/** Subgraphs with this routing URL run in the gateway's own process: `local://<name>`. */
export const LOCAL = 'local:';

export interface SubgraphEntry {
  readonly name: string;
  /** `local://<name>`, or where an HTTP subgraph answers. */
  readonly routingUrl: string;
  readonly schema: { readonly file: string } | { readonly url: string } | MadeSchema;
}

/** A schema that this process makes. */
export interface MadeSchema {
  readonly sdl: string;
  /** What messages call it: the file that it is made of. */
  readonly origin: string;
  /** What answers, where nothing is mounted under the entry's URL. */
  readonly executable?: GraphQLSchema;
  /** How an operator gives another name, to a root field, to a type, or to a field that is added to another's type. */
  readonly rename: { readonly field: string; readonly type: (name: string) => string; readonly added?: string };
}

export interface SupergraphFile {
  /** As printed in messages. */
  readonly path: string;
  readonly subgraphs: readonly SubgraphEntry[];
}

/** Something is wrong with the supergraph's configuration or with a schema; `message` says where. */
export class SupergraphError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SupergraphError';
  }
}

const http = z.string().regex(/^https?:\/\/\S+$/, 'must be an http or https URL');
const Format = z.strictObject({
  federation_version: z
    .union([z.string(), z.number()])
    .refine((version) => /^=?2(\.\d+)*$/.test(String(version)), 'must be a version 2 of Federation, such as =2.9.0'),
  subgraphs: z
    .record(
      z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/, 'must be a letter followed by letters, digits, - or _'),
      z.strictObject({
        routing_url: z
          .string()
          .regex(/^(https?:\/\/\S+|local:\/\/[A-Za-z0-9_-]+)$/, 'must be an http or https URL, or local://<name>'),
        schema: z.union(
          [z.strictObject({ file: z.string().min(1) }), z.strictObject({ subgraph_url: http })],
          'must have either `file` or `subgraph_url`',
        ),
      }),
    )
    .refine((subgraphs) => Object.keys(subgraphs).length > 0, 'must name at least one subgraph'),
});

/**
 * @param overrides routing URLs by lower-case subgraph name, with `-` as `_` (`SUBGRAPH_<NAME>_URL`)
 * @throws SupergraphError with file and line
 */
export async function readSupergraphFile(
  path: string,
  overrides: Readonly<Record<string, string>> = {},
): Promise<SupergraphFile> {
  const shown = relative(process.cwd(), path) || path;
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new SupergraphError(`${shown} cannot be read (${(cause as NodeJS.ErrnoException).code}).`, { cause });
  }
  const parsed = parseYaml(text, shown, Format);
  if ('faults' in parsed) throw new SupergraphError(parsed.faults.join('\n'));
  const folder = dirname(path);
  return {
    path: shown,
    subgraphs: Object.entries(parsed.file.data.subgraphs).map(([name, { routing_url, schema }]) => ({
      name,
      routingUrl: overrides[nameInVariables(name).toLowerCase()] ?? routing_url,
      schema: 'file' in schema ? { file: resolve(folder, schema.file) } : { url: schema.subgraph_url },
    })),
  };
}
