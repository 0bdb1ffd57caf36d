/**
 * Ids are plain typed strings (`doc_…`, `run_…`): a prefix that names the type, then either a digest of what the thing
 * is (so that writing it twice is one thing) or a time-ordered random value.
 */
import { createHash, randomBytes } from 'node:crypto';
import { badUserInput, notFound, type CodedError } from './errors.ts';

/** The prefix of each type's ids. */
export const ID_PREFIX = {
  Agent: 'agt',
  AgentVersion: 'agv',
  Document: 'doc',
  Chunk: 'chk',
  MemoryFact: 'mem',
  Session: 'ses',
  Message: 'msg',
  Artifact: 'art',
  UsageRecord: 'usg',
  AuditEntry: 'aud',
  OutboxEntry: 'obx',
  Entity: 'ent',
  Relation: 'rel',
  Run: 'run',
  RunEvent: 'evt',
  ApiKey: 'key',
  Share: 'shr',
} as const;

export type IdType = keyof typeof ID_PREFIX;

/**
 * An id derived from its parts: 27 characters of base 36 (136 bits of a SHA-256), so equal parts give the same id in
 * every process. Parts are length-prefixed, so that no two lists of parts can be confused. Include the tenant among the
 * parts: ids of two tenants must never be equal.
 */
export function derivedId(type: IdType, ...parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return `${ID_PREFIX[type]}_${base36(hash.digest().subarray(0, 17))}`;
}

/** A random id that sorts by creation time (48 bits of milliseconds, then 80 random bits). */
export function randomId(type: IdType): string {
  const bytes = Buffer.concat([Buffer.alloc(6), randomBytes(11)]);
  bytes.writeUIntBE(Date.now(), 0, 6);
  return `${ID_PREFIX[type]}_${base36(bytes)}`;
}

/** The id of an entity: the same (tenant, kind, name) is the same entity, whoever writes it. */
export const entityId = (tenantId: string, kind: string, name: string): string =>
  derivedId('Entity', tenantId, kind, name);

/** The id of a document: its source names it within a tenant. */
export const documentId = (tenantId: string, source: string): string => derivedId('Document', tenantId, source);

/** The id of a remembered fact: its key names it within an agent's memory, or the tenant's own (null), and there within what is of one user. */
export const memoryFactId = (tenantId: string, agentId: string | null, key: string, userId: string | null): string =>
  derivedId('MemoryFact', tenantId, agentId ?? '', key, ...(userId === null ? [] : [userId]));

/** True where `id` has the form of an id of `type`; ids of other types are simply not found. */
export const isIdOf = (type: IdType, id: string): boolean =>
  id.startsWith(`${ID_PREFIX[type]}_`) && /^[a-z0-9]{1,40}$/.test(id.slice(4));

const TYPE_OF_PREFIX: ReadonlyMap<string, IdType> = new Map(
  Object.entries(ID_PREFIX).map(([type, prefix]) => [prefix, type as IdType]),
);

/** The type that an id is of; undefined for what has no form of an id. */
export function typeOfId(id: string): IdType | undefined {
  const type = TYPE_OF_PREFIX.get(id.slice(0, 3));
  return type !== undefined && isIdOf(type, id) ? type : undefined;
}

/**
 * Returns an id that can be one of `type`; whether there is such a thing is another question.
 * @throws CodedError `BAD_USER_INPUT` for a text that cannot: nothing would be found, which looks like nothing being there
 */
export function checkId(type: IdType, id: string): string {
  if (isIdOf(type, id)) return id;
  throw notAnId(type, id);
}

/**
 * What a mutation or a route says where nothing is found by an id: `NOT_FOUND`, and of a text that can be none of `type`
 * the `BAD_USER_INPUT` that queries say.
 */
export const noSuch = (type: IdType, id: string): CodedError =>
  isIdOf(type, id) ? notFound(NAMES[type] ?? type.toLowerCase(), id) : notAnId(type, id);

/** What people call a type, where its name in small letters is no word. */
const NAMES: Partial<Record<IdType, string>> = { ApiKey: 'API key', MemoryFact: 'fact' };

function notAnId(type: IdType, id: string): CodedError {
  const other = typeOfId(id);
  const said = JSON.stringify(id.slice(0, 80));
  return badUserInput(
    other === undefined ? `${said} is not an id.` : `${said} is the id of another type: ${other}, not ${type}.`,
    { hint: `Ids of ${type} look like \`${ID_PREFIX[type]}_…\`.` },
  );
}

const base36 = (bytes: Uint8Array): string =>
  BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
    .toString(36)
    .padStart(27, '0');
