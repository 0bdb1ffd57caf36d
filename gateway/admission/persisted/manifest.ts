/**
 * Manifests of persisted operations, in the formats that clients' tools write: Apollo's
 * (`generate-persisted-query-manifest`, https://www.apollographql.com/docs/graphos/platform/security/persisted-queries)
 * and Relay's (`persistConfig` of relay-compiler: texts by id; GraphQL Code Generator's `persistedDocuments` writes the same).
 */
import { z } from 'zod';
import { ADMISSION } from '#gateway/bounds/admission.ts';

/** One operation that a client may send by its id. */
export interface ManifestOperation {
  readonly id: string;
  /** The whole document: the operation and the fragments that it spreads. */
  readonly body: string;
  /** Whose alone it is; undefined for everybody's. */
  readonly clientName: string | undefined;
}

// Hashes have 32 to 64 characters, and some tools put a name before them.
const ID = z
  .string()
  .min(1)
  .max(ADMISSION.persistedIdCharacters)
  .regex(/^[^\0]*$/);

export const APOLLO_FORMAT = 'apollo-persisted-query-manifest';

const apolloManifest = z.object({
  format: z.literal(APOLLO_FORMAT),
  version: z.literal(1),
  operations: z.array(z.object({ id: ID, body: z.string().min(1), clientName: z.string().min(1).nullish() })),
});
/** Of its entries, since an object that zod makes has no `__proto__`. */
const relayManifest = z.array(z.tuple([ID, z.string().min(1)]));

/**
 * @param text of the file
 * @returns its operations, in its order
 * @throws Error that says what is wrong with it, without the file's name
 */
export function readManifest(text: string): ManifestOperation[] {
  let json: unknown;
  try {
    json = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (error) {
    throw new Error(`it is not JSON (${(error as Error).message})`, { cause: error });
  }
  if (typeof json === 'object' && json !== null && 'format' in json && 'operations' in json) {
    const { operations } = checked(apolloManifest, json);
    return operations.map(({ id, body, clientName }) => ({ id, body, clientName: clientName ?? undefined }));
  }
  const entries = typeof json === 'object' && json !== null && !Array.isArray(json) ? Object.entries(json) : json;
  const texts = checked(relayManifest, entries);
  return texts.map(([id, body]) => ({ id, body, clientName: undefined }));
}

function checked<Value>(schema: z.ZodType<Value>, json: unknown): Value {
  const { data, error } = schema.safeParse(json);
  if (error === undefined) return data;
  const [{ path, message }] = error.issues as [z.core.$ZodIssue];
  const where = path.length === 0 ? '' : ` at ${path.map(String).join('.')}`;
  throw new Error(`it is neither Apollo's manifest of version 1 nor Relay's texts by id${where}: ${message}`);
}
