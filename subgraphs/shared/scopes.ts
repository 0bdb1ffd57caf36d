/**
 * What callers must have been granted to change something, to read what is kept for administrators, and to spend: OAuth
 * scopes, said of fields by `@requiresScopes`, which the gateway holds every operation to before it plans it.
 */
import type { Principal } from './context.ts';
import { Kind, type GraphQLObjectType, type GraphQLSchema, type StringValueNode } from 'graphql';

/** Every scope of this API, and what it lets its holder do. */
export const SCOPES = {
  'agents:write': 'create, change and delete agents',
  'documents:write': 'write and delete documents',
  'memory:write': 'remember and forget facts, and write conversations of his own',
  'memory:all': 'read the facts of all users of the tenant, and with `memory:write` remember and forget them too',
  'sessions:all': 'read the conversations of all users of the tenant, and with `memory:write` write them too',
  'artifacts:write': 'record what runs have made',
  'objects:write': 'upload, write and delete objects',
  'graph:write': 'write and delete entities and relations of the graph',
  'vectors:write': 'write and delete vectors of chunks',
  'runs:write': 'start and cancel runs',
  'runs:work': 'work on runs: claim them, append their events, finish them',
  'models:use': 'have models embed, generate, rerank and summarise, which costs tokens',
  'sources:write': 'change rows of stores of your own, where their file says so',
  'usage:write': 'record tokens that were spent elsewhere',
  'usage:read': 'read what tokens were spent on',
  'audit:read': 'read who changed what',
  'shares:write': 'let other projects of the tenant read documents and agents, and take that back',
  'keys:read': 'read which API keys there are, without their secrets',
  'keys:write': 'make and revoke API keys, none with more than its maker has',
} as const;

export type Scope = keyof typeof SCOPES;

/** What a scope may be made of (RFC 6749, section 3.3). */
export const SCOPE_FORM = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/;

/** What may be one user's and not the whole tenant's, and the scope that shows everybody's. */
export type EveryUsers = Extract<Scope, 'memory:all' | 'sessions:all'>;

/** Whether a caller sees what of a kind belongs to other users of the tenant; everybody sees his own. */
export const seesEveryUser = ({ scopes, system }: Principal, of: EveryUsers): boolean =>
  system === true || scopes.includes(of);

export const ALL_SCOPES: readonly Scope[] = Object.freeze(Object.keys(SCOPES) as Scope[]);

/** Pothos' type parameter for the directive. */
export type ScopeDirectives = {
  requiresScopes: { locations: 'FIELD_DEFINITION'; args: { scopes: string[][] } };
};

/** Says of a field that its caller must have `scope`. */
export const takes = (scope: Scope): { requiresScopes: { scopes: string[][] } } => ({
  requiresScopes: { scopes: [[scope]] },
});

/** The types whose fields operations begin with. */
export const rootTypes = (schema: GraphQLSchema): GraphQLObjectType[] =>
  [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].flatMap((root) => root ?? []);

/** Says in the description of each field that takes a scope that it does. */
export function describeScopes(schema: GraphQLSchema): GraphQLSchema {
  for (const root of rootTypes(schema)) {
    const described = new Map<string, StringValueNode>();
    for (const field of Object.values(root.getFields())) {
      const scope = scopeOf(field);
      if (scope === undefined) continue;
      const value = `${field.description} Takes the scope \`${scope}\`.`;
      field.description = value;
      described.set(field.name, { kind: Kind.STRING, value, block: true });
    }
    // What is printed is the node.
    const fields = root.astNode?.fields?.map((field) => {
      const description = described.get(field.name.value);
      return description === undefined ? field : { ...field, description };
    });
    if (root.astNode && fields) root.astNode = { ...root.astNode, fields };
  }
  return schema;
}

/** The scope that a field takes; undefined where it takes none. */
export function scopeOf({ extensions }: { readonly extensions: unknown }): string | undefined {
  const { directives } = extensions as { directives?: unknown };
  const found = Array.isArray(directives)
    ? (directives as { name: string; args: unknown }[]).find(({ name }) => name === 'requiresScopes')?.args
    : (directives as Record<string, unknown> | undefined)?.['requiresScopes'];
  return (found as { scopes: string[][] } | undefined)?.scopes[0]?.[0];
}

/** What spends: no link that a browser follows or fetches ahead may do that, so a `GET` has it never. */
export const SPENDING: Scope = 'models:use';

/** What a caller can do who lacks scopes. @param needed such as `the scope a`, as a sentence has it */
export const missingScopes = (needed: string): string =>
  `A token is needed that has ${needed}, or a role to which ROLE_SCOPES gives it; or an API key that was made with it, for keys have no roles.${needed.includes(SPENDING) ? ' A `GET` never has it: send the operation with `POST`.' : ''}`;
