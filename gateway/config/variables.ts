/**
 * Every environment variable that the server knows: what it means, how it is read, what holds when it is absent.
 * docs/configuration.md is printed from this table. Variables of bounds (time-outs, sizes, queues …) are made from `gateway/bounds/`.
 */
import { z } from 'zod';
import { TENANT_NAME } from '#subgraphs/shared/tenant-id.ts';
import { CAPABILITIES } from '#gateway/agents/capabilities.ts';
import { CLIENT_NAMES, LIST_MODES } from '#gateway/admission/persisted/operation-texts.ts';
import { readRoleScopes } from '#gateway/auth/role-scopes.ts';
import { readModelPrices } from '#subgraphs/shared/model-prices.ts';
import { isProxyRange } from '#gateway/auth/trusted-proxies.ts';
import { RATE_NAMES, RATE_TABLE, rateVariable, readRate, type RateVariable } from '#gateway/limits/rate-names.ts';
import { BOUNDS } from '#gateway/bounds/index.ts';
import { boundVariables, integer } from './bounds.ts';
import { readPairs } from './pairs.ts';
import { mayPassOn, requestHeaderRules, responseHeaderRules } from './header-rules.ts';

/** What docs/configuration.md says of a variable. */
export interface VariableMeta {
  /** The heading it stands under. */
  section: string;
  description: string;
  /** The value that an absent variable stands for, in the form in which it would be written. */
  default?: string;
  /** What holds when it is absent, where that is not one value. */
  absent?: string;
  /** May also be given as `NAME_FILE`, the path of a file that holds it; never printed. */
  secret?: boolean;
  /** May also be given as `NAME_FILE`, though it is no secret. */
  file?: boolean;
}

const SECTIONS = {
  server: 'Server',
  limits: 'Limits',
  rates: 'Limits of callers, tenants and addresses',
  auth: 'Who may come in',
  supergraph: 'Supergraph',
  planning: 'Planning and running operations',
  relational: 'PostgreSQL: relational, runs, graph, vector',
  graph: 'Neo4j: graph',
  sources: 'Your own stores: sources',
  vector: 'Qdrant: vector',
  object: 'S3: objects',
  inference: 'Models: inference',
  runs: 'Runs and their streams',
  indexing: 'Indexing',
  remote: 'Remote subgraphs',
  telemetry: 'Metrics and traces',
  care: 'Care of data',
} as const;

const secret = true;
const file = true;
const { inference: INFERENCE, vector: VECTOR } = BOUNDS;

const text = z.string();
const prefix = text.max(INFERENCE.prefixCharacters, `must have ${INFERENCE.prefixCharacters} characters or fewer`);
/** Whether it has the form of W3C Baggage without properties, as OpenTelemetry writes it. */
const isPairs = (value: string): boolean => readPairs(value) !== undefined;
const flag = z.enum(['true', 'false'], 'must be `true` or `false`').transform((value) => value === 'true');
const list = text.transform((value) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);
const capabilities = list
  .refine((named) => named.length > 0, 'must name at least one capability; `read` alone is the least')
  .pipe(z.array(z.enum(CAPABILITIES, `must be of ${CAPABILITIES.map((each) => `\`${each}\``).join(', ')}`)));
/** Paths of claims, separated by commas. */
const claimPaths = list
  .refine((paths) => paths.length > 0, 'must name at least one claim')
  .refine((paths) => paths.every((path) => !/^\.|\.\.|\.$/.test(path)), 'must have a name on both sides of each dot');
const url = (...protocols: string[]) =>
  text.superRefine((value, context) => {
    if (URL.canParse(value) && protocols.includes(new URL(value).protocol.slice(0, -1))) return;
    const begun = protocols.some((protocol) => value.startsWith(`${protocol}://`));
    context.addIssue({
      code: 'custom',
      message: begun
        ? 'cannot be read as a URL: in a user or a password `#`, `/`, `?`, `@`, `:` and `%` are written %23, %2F, %3F, %40, %3A and %25'
        : `must be a URL that starts with ${protocols.map((protocol) => `${protocol}://`).join(' or ')}`,
    });
  });
const origin = (value: string): boolean =>
  URL.canParse(value) && /^https?:$/.test(new URL(value).protocol) && new URL(value).origin === value;
/** A store's address, or the word that switches the store off. */
const store = (...protocols: string[]) =>
  z.union(
    [z.literal('off'), url(...protocols)],
    `must be \`off\`, or a URL that starts with ${protocols.map((p) => `${p}://`).join(' or ')}`,
  );
const key = text.refine((value) => Buffer.byteLength(value) >= 32, 'must be at least 32 bytes long');
const hostAndPort = text.regex(/^(\[[0-9a-fA-F:.]+\]|[^\s:/@]+):\d{1,5}$/, 'must be `host:port`, without a scheme');
/** As Dramatiq takes it: `.DQ` and `.XQ` are the ends of its other two. */
const queueName = text.regex(
  /^[a-zA-Z_][a-zA-Z0-9._-]{0,199}$/,
  'must begin with a letter or `_`, and have letters, digits and `._-` only, 200 characters at the most',
);
const pem = text.regex(/-----BEGIN [A-Z ]+-----/, 'must be PEM text (`-----BEGIN …`)');

const headerNames = list
  .transform((names) => (names.length === 1 && names[0] === 'none' ? [] : names.map((name) => name.toLowerCase())))
  .refine(
    (names) => names.every(mayPassOn),
    'must be names of headers that may be passed on, separated by commas, or `none`',
  );
/** A header that a proxy sets: none that says something else already. */
const proxyHeader = text
  .transform((name) => name.toLowerCase())
  .refine(
    (name) => mayPassOn(name) && !['authorization', 'cookie', 'origin', 'x-request-id'].includes(name),
    'must be the name of a header that means nothing else',
  );
/** A protocol, or an address whose scheme says which. */
const subscriptions = text
  .refine(
    (value) =>
      value === 'auto' ||
      value === 'graphql-ws' ||
      value === 'sse' ||
      (URL.canParse(value) && /^(https?|wss?):$/.test(new URL(value).protocol)),
    'must be `auto`, `graphql-ws`, `sse`, or a URL that starts with ws://, wss://, http:// or https://',
  )
  .transform((value): { protocol: 'auto' | 'graphql-ws' | 'sse'; url?: string } =>
    value === 'auto' || value === 'graphql-ws' || value === 'sse'
      ? { protocol: value }
      : { protocol: value.startsWith('ws') ? 'graphql-ws' : 'sse', url: value },
  );

/** A JSON object. */
const jsonObject = text.transform((value, context): Readonly<Record<string, unknown>> => {
  try {
    const object: unknown = JSON.parse(value);
    if (typeof object === 'object' && object !== null && !Array.isArray(object))
      return object as Record<string, unknown>;
  } catch {
    // Told below: the parser's own message would tell a part of the value.
  }
  context.addIssue({ code: 'custom', message: 'must be a JSON object' });
  return z.NEVER;
});

type Section = keyof typeof SECTIONS;
type More = Pick<VariableMeta, 'absent' | 'secret' | 'file'>;

/** A variable that may be absent. */
const optional = <S extends z.ZodType>(schema: S, section: Section, description: string, more: More = {}) =>
  schema.optional().meta({ ...more, section: SECTIONS[section], description });

/** A variable with a default. */
const withDefault = <S extends z.ZodType>(
  schema: S,
  section: Section,
  fallback: string,
  description: string,
  more: More = {},
): S => schema.meta({ ...more, default: fallback, section: SECTIONS[section], description });

const prices = text.transform((value, context) => {
  const read = readModelPrices(value);
  if (read !== undefined) return read;
  context.addIssue({
    code: 'custom',
    message: 'must be `model=input/output; …`, in money for a million tokens, each model once',
  });
  return z.NEVER;
});
/** An amount of money. */
const money = text.regex(/^\d{1,12}(\.\d{1,9})?$/, 'must be an amount such as `5` or `0.25`').transform(Number);

const rate = text.transform((value, context) => {
  const read = readRate(value);
  if (read !== undefined) return read;
  context.addIssue({
    code: 'custom',
    message: 'must be `0`, or so many in so much time: `600/1m`, `10/s`, `600/1m/50` for at most 50 at once',
  });
  return z.NEVER;
});

/** One variable for each rate. */
const rateVariables = Object.fromEntries(
  RATE_NAMES.map((name) => {
    const { what, default: fallback } = RATE_TABLE[name];
    const absent = fallback === undefined ? 'no limit' : `\`${fallback}\`; no limit in development mode`;
    return [rateVariable(name), optional(rate, 'rates', what, { absent })];
  }),
) as Readonly<Record<RateVariable, z.ZodOptional<typeof rate>>>;

const ENCODINGS = ['zstd', 'br', 'gzip'] as const;

export const Variables = z.object({
  ...boundVariables(SECTIONS),
  ...rateVariables,
  RATE_LIMIT_WITHOUT_REDIS: withDefault(
    z.enum(['memory', 'refuse'], 'must be `memory` or `refuse`'),
    'rates',
    'memory',
    'What holds while Redis (`REDIS_URL`), in which all processes count rates together, does not answer: `memory`, each process counts for itself; `refuse`, everything is answered with 503.',
  ),
  HOST: withDefault(
    text,
    'server',
    '127.0.0.1',
    'The address to listen on. In development mode only loopback addresses are accepted.',
  ),
  PORT: withDefault(integer(0, 65_535), 'server', '4000', 'The port to listen on; 0 takes a free one.'),
  PUBLIC_BASE_URL: optional(
    url('http', 'https'),
    'server',
    'Where clients reach the server, when that is not where it listens. Signed links start with it, and its host is accepted in `Host`.',
    { absent: 'http://HOST:PORT' },
  ),
  ALLOWED_HOSTS: withDefault(
    list,
    'server',
    '',
    'Further host names accepted in the `Host` header, separated by commas. Loopback names and that of `PUBLIC_BASE_URL` always are. Everything else is refused, or any web page could reach the server by rebinding its own name.',
  ),
  CORS_ORIGINS: withDefault(
    list.refine(
      (origins) => origins.every(origin),
      'must be origins such as https://app.example.com, separated by commas',
    ),
    'server',
    '',
    "Origins of web pages that may call the API, separated by commas. Pages of the server's own origin always may; in development mode so may pages of this machine (`http://localhost` on any port), and a page that may not can read why.",
  ),
  CORS_HEADERS: withDefault(
    list
      .transform((names) => names.map((name) => name.toLowerCase()))
      .refine(
        (names) => names.every((name) => /^[a-z0-9!#$%&'+.^_`|~-]+\*?$/.test(name)),
        'must be names of headers, or beginnings such as `x-*`, separated by commas',
      ),
    'server',
    'authorization,content-type,accept,last-event-id,mcp-session-id,mcp-protocol-version,range,if-range,if-match,if-none-match,if-modified-since,if-unmodified-since,traceparent,tracestate,baggage,apollo-*,graphql-*,x-*',
    'Headers that pages of other origins may send, separated by commas; `x-*` means all that begin so.',
  ),
  CORS_CREDENTIALS: withDefault(
    flag,
    'server',
    'false',
    'Whether pages of `CORS_ORIGINS` may call with the browser\'s credentials (`credentials: "include"`), for a proxy in front that reads cookies. The server itself reads none.',
  ),
  AUTOMATIC_PERSISTED_QUERIES: withDefault(
    flag,
    'server',
    'true',
    'Whether clients may send the SHA-256 hash of an operation in the place of its text, once the text was sent with it (`extensions.persistedQuery`). Each process keeps its own (`PERSISTED_QUERIES_CHARACTERS`); where a hash is not known, clients send the text.',
  ),
  PERSISTED_OPERATIONS: withDefault(
    list,
    'server',
    '',
    "Lists of persisted operations: manifests in Apollo's format or Relay's (an object of texts by id), or folders of them (`*.json`), separated by commas. Clients may then send an id in the place of a text: `extensions.persistedQuery.sha256Hash`, `documentId` or `doc_id`. They are read again when they change. `npm run persist` writes them.",
  ),
  PERSISTED_OPERATIONS_MODE: withDefault(
    z.enum(LIST_MODES, `must be one of ${LIST_MODES.join(', ')}`),
    'server',
    'accept',
    'What becomes of operations that are not listed: `accept` runs them; `learn` runs them and logs each once; `only` refuses them; `only-ids` refuses every text and takes ids alone. On every transport, MCP included.',
  ),
  PERSISTED_OPERATIONS_CLIENT: withDefault(
    z.enum(CLIENT_NAMES, `must be one of ${CLIENT_NAMES.join(', ')}`),
    'server',
    'token',
    'Where it is said which client asks, for operations that a manifest lists for one (`clientName`): `token` is the claim `azp` or `client_id`; `header` is `apollographql-client-name` or `graphql-client-name`, which anybody can send.',
  ),
  PERSISTED_OPERATIONS_FREE_SCOPE: optional(
    text,
    'server',
    'Callers with this scope may send what is not listed: those who explore in GraphiQL, or agents that write their own queries.',
  ),
  COMPRESSION: withDefault(
    list
      .transform((names) => (names.length === 1 && names[0] === 'off' ? [] : names))
      .pipe(z.array(z.enum(ENCODINGS, `must be \`off\`, or some of ${ENCODINGS.join(', ')}`))),
    'server',
    ENCODINGS.join(','),
    'The encodings in which long answers (`COMPRESS_ABOVE_BYTES`) are sent to clients that take them, what is preferred first, or `off`. `zstd` needs Node 22.15. Streams of events are never compressed. Compressed request bodies are read whatever it says.',
  ),
  DATA_DIR: withDefault(text, 'server', '.local-data', 'The folder of the embedded stores and of generated keys.'),
  INGEST_ON_START: withDefault(
    flag,
    'server',
    'true',
    'Whether the first start reads the texts of the installed packages into the stores, as the collection `demo` (`npm start -- --no-demo` is the same as `false`). Only in development mode.',
  ),
  RUN_LIBRARIAN: withDefault(
    flag,
    'server',
    'true',
    "Whether the example agent of examples/librarian works in the server's process, answering runs that are started for it. Only in development mode, and with PostgreSQL.",
  ),
  LOG_LEVEL: withDefault(
    z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
    'server',
    'info',
    'How much is logged: `fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`.',
  ),
  LOG_FORMAT: withDefault(
    z.enum(['auto', 'json', 'text']),
    'server',
    'auto',
    'How it is written: `json`, one object a line; `text`, for people; `auto` is `text` where standard error is a terminal, and `json` elsewhere.',
  ),

  OIDC_ISSUER: optional(
    url('http', 'https'),
    'auth',
    'The OpenID Connect issuer whose access tokens are accepted. Its metadata are read from `/.well-known/openid-configuration`.',
    {
      absent:
        'tokens are not accepted; without a proxy that signs users in and `API_KEYS=only`, development mode: everybody on this machine is the developer of the tenant `default`',
    },
  ),
  OIDC_AUDIENCE: optional(text, 'auth', 'The audience that access tokens must have.', {
    absent: 'the value of `OIDC_CLIENT_ID`',
  }),
  OIDC_CLIENT_ID: optional(text, 'auth', 'The client id of this server at the issuer.'),
  OIDC_CLIENT_SECRET: optional(
    text,
    'auth',
    'The client secret of this server at the issuer. Needed to ask about tokens (`OIDC_INTROSPECTION`), not to verify signed ones. Given as a file, it is read anew for each question.',
    { secret },
  ),
  OIDC_INTROSPECTION: withDefault(
    z.enum(['off', 'opaque', 'all'], 'must be `off`, `opaque` or `all`'),
    'auth',
    'off',
    "About which access tokens the issuer is asked (RFC 7662), as `OIDC_CLIENT_ID` with `OIDC_CLIENT_SECRET`: `opaque`, those that are no signed JSON Web Tokens; `all`, so that one that it has revoked opens nothing soon after, and for Keycloak's lightweight tokens; `off`, none, and opaque ones are refused.",
  ),
  OIDC_INTROSPECTION_URL: optional(url('http', 'https'), 'auth', 'Where to ask about tokens.', {
    absent: "the `introspection_endpoint` of the issuer's metadata",
  }),
  GRAPHIQL_CLIENT_ID: optional(
    text,
    'auth',
    'A public client at the issuer (no secret, the code flow with PKCE, refresh tokens where it gives them), with which GraphiQL signs people in by itself. Its redirect URI is `<PUBLIC_BASE_URL>/graphql`, and the issuer must let that origin ask its token endpoint (CORS).',
    { absent: 'GraphiQL signs nobody in; a token can be written among its headers' },
  ),
  GRAPHIQL_SIGN_IN_PARAMETERS: withDefault(
    jsonObject.refine(
      (parameters) => Object.values(parameters).every((value) => typeof value === 'string'),
      'must be a JSON object of texts',
    ),
    'auth',
    '{"scope":"openid"}',
    "What GraphiQL asks of the issuer besides, as a JSON object of texts: the `scope`, and what has it write `OIDC_AUDIENCE` into access tokens (`resource`, Auth0's `audience`).",
  ),
  ANONYMOUS_TENANT: optional(
    text.regex(TENANT_NAME, 'must be the id of a tenant: letters, digits, `_` and `-`'),
    'auth',
    'The tenant whose data callers without a token may read, within `MAX_COST_ANONYMOUS`. They change nothing, ask no model, and see nothing that is `@authenticated`.',
    { absent: 'they are refused' },
  ),
  TRUSTED_PROXIES: withDefault(
    list.refine(
      (items) => items.every(isProxyRange),
      'must be addresses, ranges (`10.0.0.0/8`), `loopback`, `linklocal` or `uniquelocal`, separated by commas, and not everybody',
    ),
    'auth',
    '',
    'Proxies in front of the server, by the address that they connect from: addresses, ranges such as `10.0.0.0/8`, and the names `loopback`, `linklocal`, `uniquelocal`, separated by commas. Their headers `FORWARD_AUTH_…` and `X-Forwarded-For` count, and `MAX_CONNECTIONS_PER_ADDRESS` does not count them. Nobody else may reach the server from these addresses.',
  ),
  FORWARD_AUTH_USER_HEADER: optional(
    proxyHeader,
    'auth',
    'The header in which a trusted proxy names the user that it has signed in: `Remote-User` (Authelia), `X-Auth-Request-User` or `X-Forwarded-User` (oauth2-proxy). Of anybody else it is ignored.',
    { absent: 'no proxy speaks for anybody' },
  ),
  FORWARD_AUTH_ROLES_HEADER: optional(
    proxyHeader,
    'auth',
    "The header in which it lists the user's roles, with commas between them: `Remote-Groups`, `X-Auth-Request-Groups`, `X-Forwarded-Groups`.",
    { absent: 'they have no roles' },
  ),
  FORWARD_AUTH_TENANT_HEADER: optional(proxyHeader, 'auth', "The header in which it names the user's tenant."),
  FORWARD_AUTH_TENANT_ROLE_PREFIX: optional(
    text,
    'auth',
    'Where a role names the tenant: what the role begins with. With `tenant-`, `tenant-acme` is the tenant `acme`. A user must have one such role.',
  ),
  FORWARD_AUTH_TENANT: optional(
    text.regex(TENANT_NAME, 'must be the id of a tenant: letters, digits, `_` and `-`'),
    'auth',
    'The tenant of everybody for whom the proxy speaks.',
  ),
  FORWARD_AUTH_PROJECT_HEADER: optional(
    proxyHeader,
    'auth',
    "The header in which it names the user's project ([security.md](security.md#projects)). Who comes without it sees what is of no project.",
    { absent: 'nobody is of a project' },
  ),
  OIDC_TENANT_CLAIM: withDefault(
    claimPaths,
    'auth',
    'tenant',
    'The claim that names the tenant: a name, or names joined by dots that lead into objects, where a name may have dots itself. Of several, separated by commas, the first that a token has. A text, or a list of one.',
  ),
  OIDC_PROJECT_CLAIM: optional(
    claimPaths,
    'auth',
    'The claim that names the project within the tenant, in the same form ([security.md](security.md#projects)). A token without it sees what is of no project.',
    { absent: 'nobody is of a project' },
  ),
  OIDC_ROLES_CLAIM: withDefault(
    claimPaths,
    'auth',
    'roles',
    "The claims that list roles, in the same form; the roles of all of them count. Keycloak's are `realm_access.roles` (of the realm), `resource_access.<client>.roles` (of a client) and `groups` (`/staff/editors`).",
  ),
  OIDC_SCOPES_CLAIM: withDefault(
    claimPaths,
    'auth',
    'scope,scp',
    'The claims that list scopes, in the same form; the scopes of all of them count: a text with spaces between them, or a list.',
  ),
  AUDIT_REFUSED: withDefault(
    z.enum(['on', 'without-addresses', 'off'], 'must be `on`, `without-addresses` or `off`'),
    'auth',
    'on',
    'Whether the audit log keeps what callers were refused (`auditEntries` whose `action` is `refused`): for want of a scope, by a policy, without having said who they are, with tokens and keys that have ended. `without-addresses`: without where they asked from.',
  ),
  AGENT_CAPABILITIES: withDefault(
    capabilities,
    'auth',
    'read',
    'What the tools of agents may do, at `/mcp` and `/agents/tools`, separated by commas: `read`; `write:memory` (`remember`, `forget`, `begin_session`, `append_messages`); `run:start` (`start_run`); `write`, all of it and any mutation (`mutate`). Each change asks for its scope all the same.',
  ),
  AGENT_OPERATIONS: optional(
    text.min(1, 'must name a client'),
    'auth',
    'The `clientName` of those listed operations (`PERSISTED_OPERATIONS`) that are tools and prompts of agents, each called by its name with its variables as arguments. What a comment above an operation says describes the tool; mutations take the capability `write`.',
    { absent: 'none is' },
  ),
  MCP_MUTATIONS: withDefault(
    z.enum(['on', 'off'], 'must be `on` or `off`'),
    'auth',
    'off',
    'What `write` among `AGENT_CAPABILITIES` was called before: `on` adds it.',
  ),
  API_KEYS: withDefault(
    z.enum(['on', 'only', 'off'], 'must be `on`, `only` or `off`'),
    'auth',
    'on',
    'Whether API keys (`createApiKey`, `npm run keys`) tell who asks: `on`, beside tokens and proxies, and in development mode for who sends one; `only`, nothing else does, and whoever sends none is refused (or anonymous): no issuer is needed, and the server may listen elsewhere than on loopback; `off`, none is accepted.',
  ),
  API_KEY_PEPPER: optional(
    key,
    'auth',
    'What API keys are made and verified with, besides what the database has of them; the same on all replicas, and on a relational subgraph that runs apart. At least 32 bytes. Keys that were made with another are refused.',
    { secret, absent: 'generated once into `DATA_DIR`' },
  ),
  API_KEY_PEPPER_ALSO: optional(
    key,
    'auth',
    'A second pepper whose keys are accepted and that makes none, for changing the first: give the new one to every process here, then swap the two everywhere, then remove the old one when the last key that was made with it has been replaced or has expired. At least 32 bytes.',
    { secret, absent: 'one is accepted' },
  ),
  ROLE_SCOPES: withDefault(
    text.transform((value, context) => {
      const granted = readRoleScopes(value);
      if (granted !== undefined) return granted;
      context.addIssue({ code: 'custom', message: 'must be `role=scope scope; role=scope …`, each role once' });
      return z.NEVER;
    }),
    'auth',
    '',
    "What roles are granted besides the scopes of a token, as `role=scope scope; role=scope …`: `editors=documents:write memory:write; admins=*`. The scope `*` is all of this API's ([security.md](security.md) lists them), the role `*` everybody's who has said who he is: `*=runs:write`. Whoever has no scopes reads, and does not write or spend. In development mode everybody has all.",
  ),
  TRACE_SCOPE: withDefault(
    text,
    'auth',
    'trace',
    'The scope whose holders may ask for a trace of an operation: its plan, its fetches, their times and statements. In development mode everybody may.',
  ),
  OIDC_CLOCK_SKEW_SECONDS: withDefault(
    integer(0, 600),
    'auth',
    '30',
    'By how much the clocks of issuer and server may differ.',
  ),
  UNAUTHORIZED_FIELDS: withDefault(
    z.enum(['null', 'refuse'], 'must be `null` or `refuse`'),
    'auth',
    'null',
    'What becomes of fields that the caller may not see (`@authenticated`, `@requiresScopes`, `@policy`): `null`, each with an error, or the whole operation is refused. No subgraph is asked for them either way.',
  ),
  POLICY_URL: optional(
    url('http', 'https'),
    'auth',
    'The service that decides `@policy`, asked as Open Policy Agent\'s data API: `POST {"input": {policies, principal, requestId}}`, answered by `{"result": [names that hold]}` or `{"result": {name: true}}`. Where it fails, no policy holds.',
    { absent: 'no policy holds for anybody' },
  ),
  INTERNAL_TOKEN_SECRET: optional(
    key,
    'auth',
    'Signs the tokens between the gateway and its own subgraphs that run as servers of their own; the same on all of them. At least 32 bytes.',
    { secret, absent: 'generated once into `DATA_DIR`' },
  ),

  INTERNAL_TOKEN_SECRET_ALSO: optional(
    key,
    'auth',
    'A second secret whose tokens are accepted and that signs none, for changing the first without a pause: give the new one to every process here, then swap the two everywhere, then remove the old one. At least 32 bytes.',
    { secret, absent: 'one secret is accepted' },
  ),

  DATABASE_URL: optional(
    store('postgres', 'postgresql'),
    'relational',
    'The PostgreSQL server, as `postgres://user:password@host:5432/database`. `off` disables relational and runs, and graph and vector unless they have stores of their own.',
    { secret, absent: 'the `PG*` variables; without them the embedded PostgreSQL' },
  ),
  PGHOST: optional(
    text,
    'relational',
    'The host of the PostgreSQL server, or the folder of its socket, where `DATABASE_URL` is absent.',
  ),
  PGPORT: optional(integer(1, 65_535), 'relational', 'Its port.', { absent: '5432' }),
  PGUSER: optional(text, 'relational', 'The user to connect as.'),
  PGPASSWORD: optional(text, 'relational', "The user's password.", { secret }),
  PGDATABASE: optional(text, 'relational', 'The database.', { absent: 'the name of the user' }),
  PGSSLMODE: optional(
    z.enum(['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full']),
    'relational',
    'Whether to use TLS, as for `psql`: `require` encrypts without looking at the certificate (but for one signed by `PGSSLROOTCERT`, where that is set), `verify-full` looks at everything. In `DATABASE_URL`: `?sslmode=`.',
    { absent: '`disable`' },
  ),
  PGSSLROOTCERT: optional(
    text,
    'relational',
    "The file of the authority's certificate. In `DATABASE_URL`: `sslrootcert=`.",
    { absent: 'public authorities' },
  ),
  PGSSLCERT: optional(
    text,
    'relational',
    "The file of this client's certificate, where the server asks for one. In `DATABASE_URL`: `sslcert=`.",
  ),
  PGSSLKEY: optional(text, 'relational', 'The file of its key. In `DATABASE_URL`: `sslkey=`.'),
  DATABASE_REPLICA_URL: optional(
    url('postgres', 'postgresql'),
    'relational',
    'A read replica of that server. Reads of documents, agents, the graph and vectors go there while it has what the tenant has written through this process and is not more than a second or two behind; everything else, and everything while it is away, goes to the primary. With several processes, what another one wrote may be seen that much later, unless the primary commits with `synchronous_commit=remote_apply`.',
    { secret },
  ),
  DATABASE_PREPARED_STATEMENTS: withDefault(
    z.enum(['on', 'off'], 'must be `on` or `off`'),
    'relational',
    'on',
    'Whether statements are prepared. `off` for poolers that give each transaction another connection, such as PgBouncer in transaction mode (which must also have `ignore_startup_parameters = statement_timeout`).',
  ),

  NEO4J_URI: optional(
    store('neo4j', 'neo4j+s', 'neo4j+ssc', 'bolt', 'bolt+s', 'bolt+ssc'),
    'graph',
    'The Neo4j server that the graph is kept in.',
    { absent: 'PostgreSQL' },
  ),
  NEO4J_USERNAME: withDefault(text, 'graph', 'neo4j', 'The user to connect as.'),
  NEO4J_PASSWORD: optional(text, 'graph', "The user's password.", { secret }),
  NEO4J_DATABASE: optional(text, 'graph', 'The database on that server.', { absent: "the user's default database" }),
  GRAPH_MODEL: optional(
    text,
    'graph',
    'A file of GraphQL type definitions (`@neo4j/graphql`) for labels of your own on that server: they join the API, read only (docs/graph-model.md). `npm run graph:introspect` writes a first one. Read once, at start.',
  ),
  GRAPH_MODEL_TENANT: withDefault(
    text.regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, 'must be the name of a property: letters, digits and `_`'),
    'graph',
    'tenantId',
    "The property of every node of yours that holds its tenant. A node without it is nobody's.",
  ),

  SOURCES: optional(
    text,
    'sources',
    'A file (YAML) of stores of your own that join the API (docs/sources.md). It names the variables that hold their URLs, each of which may be given as a file too. Editing it recomposes while the gateway runs.',
  ),

  QDRANT_URL: optional(
    store('http', 'https'),
    'vector',
    "The Qdrant server that vectors are kept in: 1.19 or newer; older ones are refused. Its port is the URL's own, so that `https://qdrant.example` is 443; a Qdrant that is told nothing listens on `http://…:6333`.",
    {
      absent: 'PostgreSQL, with pgvector where it is installed',
    },
  ),
  QDRANT_API_KEY: optional(text, 'vector', 'The key of the Qdrant server.', { secret }),
  VECTOR_COLLECTION: withDefault(
    text.regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/, 'must be 1 to 63 letters, digits, `_` or `-`'),
    'vector',
    'chunks',
    'The collection that vectors are kept in, on Qdrant and PostgreSQL alike. One collection holds vectors of one embedding model. Beside it are `<name>_facts`, with what agents remember, and `<name>_messages`, with what is said in sessions. On Qdrant there is one more beside each, `<name>_documents`, with one vector for each document.',
  ),
  PGVECTOR: optional(
    z.enum(['vector', 'halfvec', 'off'], 'must be `vector`, `halfvec` or `off`'),
    'vector',
    "How vectors in PostgreSQL are ranked: by pgvector's index of single (`vector`) or half precision (`halfvec`: half the size, up to 4,000 dimensions), which must then be installed; or `off`: by comparing all.",
    { absent: '`vector` where pgvector 0.8 or newer is installed, else `off`' },
  ),

  S3_ENDPOINT: optional(
    store('http', 'https'),
    'object',
    'The S3 server that objects are kept in. `off` disables objects.',
    { absent: 'files in `DATA_DIR`' },
  ),
  S3_PUBLIC_ENDPOINT: optional(
    store('http', 'https'),
    'object',
    'Where clients reach the S3 server, when not at `S3_ENDPOINT`; signed links start with it. `off` where they cannot reach it at all: then signed links lead to this server, which streams the bytes.',
    { absent: 'the value of `S3_ENDPOINT`' },
  ),
  S3_PATH_STYLE: withDefault(
    flag,
    'object',
    'true',
    'Whether the bucket stands in the path (`https://host/bucket/key`) rather than in the host name (`https://bucket.host/key`).',
  ),
  S3_ACCESS_KEY: optional(text, 'object', 'The access key.', { secret }),
  S3_SECRET_KEY: optional(text, 'object', 'The secret key.', { secret }),
  S3_BUCKET: withDefault(text, 'object', 'tributary', 'The bucket.'),
  S3_REGION: withDefault(text, 'object', 'us-east-1', 'The region.'),
  OBJECT_SIGNING_KEY: optional(
    key,
    'object',
    'Signs links to objects that lead to this server (of files, or with `S3_PUBLIC_ENDPOINT=off`); the same on all replicas. At least 32 bytes.',
    { secret, absent: 'generated once into `DATA_DIR`' },
  ),

  OPENAI_BASE_URL: optional(
    store('http', 'https'),
    'inference',
    'An OpenAI-compatible server, such as `http://127.0.0.1:11434/v1`. `off` disables embeddings and chat.',
    { absent: 'the built-in embedder; no chat' },
  ),
  OPENAI_API_KEY: optional(text, 'inference', 'The key of that server.', { secret }),
  CHAT_MODEL: optional(text, 'inference', 'The model that `generate` asks.'),
  RERANK_MODEL: optional(
    text,
    'inference',
    'The model that `rerank` asks, at `OPENAI_BASE_URL`, for servers whose `/rerank` needs a name.',
    { absent: "the server's own; by embeddings where it serves no reranking" },
  ),
  EMBEDDING_MODEL: optional(
    text,
    'inference',
    "The model that embeds: one of the server's, or one that is built in: `static-384-v1`, or `hashing-384-v1`, which knows spelling alone and has no table of 8 MB (docs/search.md).",
    { absent: '`static-384-v1`' },
  ),
  EMBEDDING_MAX_TOKENS: optional(
    integer(64, 1_000_000),
    'inference',
    'The most tokens that `EMBEDDING_MODEL` takes: chunks are cut to fit, by an estimate that is above the count of usual tokenisers (docs/documents.md). Documents keep their chunks until they are written again.',
    { absent: '512 with `EMBEDDING_MODEL`; the built-in embedder takes any number' },
  ),
  EMBEDDING_QUERY_PREFIX: optional(
    prefix,
    'inference',
    'Stands before each query that `EMBEDDING_MODEL` embeds, such as `search_query: `: many models are trained with one. Spaces at its end count.',
    { absent: 'none' },
  ),
  EMBEDDING_PASSAGE_PREFIX: optional(
    prefix,
    'inference',
    'Stands before each chunk that it embeds, such as `search_document: `. Stored vectors depend on it: a change of it is a change of the model.',
    { absent: 'none' },
  ),
  EMBEDDING_REINDEX: withDefault(
    z.enum(['auto', 'always', 'off'], 'must be `auto`, `always` or `off`'),
    'inference',
    'auto',
    'Whether a start of the server embeds again, in the background, what another model embedded (docs/search.md). `auto`: where `EMBEDDING_MODEL` names the model, and between built-in ones; not what a served model embedded because none is named. `off`: only `npm run reindex` does.',
  ),
  INDEX_MESSAGES: withDefault(
    z.enum(['auto', 'always', 'off'], 'must be `auto`, `always` or `off`'),
    'inference',
    'auto',
    'Whether messages of sessions are embedded as they are appended, so that they are found by meaning (docs/agents.md). `auto`: where a built-in embedder does it, which costs nothing; a served model (`EMBEDDING_MODEL`) may be paid for by each word that is said, and is told only with `always`.',
  ),
  EMBEDDING_DIMENSIONS: optional(
    integer(1, VECTOR.dimensions),
    'inference',
    "How many of a vector's first dimensions are used, for models that are trained for it (Matryoshka). The server is asked for so many; where it does not know how, vectors are cut here.",
    { absent: 'all' },
  ),
  EMBEDDING_BASE_URL: optional(url('http', 'https'), 'inference', 'An OpenAI-compatible server for embeddings alone.', {
    absent: 'the value of `OPENAI_BASE_URL`',
  }),

  MODEL_PRICES: withDefault(
    prices,
    'inference',
    '',
    'What models cost, for budgets of money and for telemetry: `gpt-x=0.15/0.60; embed-y=0.02; *=1/4`, for a million tokens sent and made, in whatever currency the budgets are in. One number is for both. `*` is every other model; a version of a listed one (`gpt-x-2026-01-31`) costs the same.',
  ),
  MODEL_BUDGET_TENANT_MONEY: optional(
    money,
    'inference',
    'The most money that a tenant may spend on models in a day (UTC), by `MODEL_PRICES`, indexing included ([limits.md](limits.md)).',
    { absent: 'no budget' },
  ),
  MODEL_BUDGET_PRINCIPAL_MONEY: optional(money, 'inference', 'The most that one caller may.', { absent: 'no budget' }),

  REDIS_URL: optional(
    url('redis', 'rediss'),
    'runs',
    'Redis, which tells the readers of run streams that a log has grown, and counts rates for all processes (`RATE_LIMIT_…`). It holds nothing that is needed: while it is away, streams are late by up to some seconds, and each process counts rates for itself.',
    { secret, absent: "PostgreSQL's NOTIFY" },
  ),
  RUN_RETENTION_DAYS: optional(
    integer(1, 36_500),
    'runs',
    "For how many days after its end a run's events are kept. Older runs' events are archived as objects (`archive/runs/<id>/`, JSON Lines) and then removed, a thirtieth of the time at once (at least a day's runs, at most 30 days'), so that they may stay for so much longer; the run itself stays. Without an object store nothing is removed.",
    { absent: 'events are kept whatever their age' },
  ),
  RUN_RETENTION_RUNS: optional(
    integer(1, 1_000_000_000),
    'runs',
    'How many ended runs of a tenant keep their events; those that ended first are archived first.',
    { absent: 'events are kept however many' },
  ),
  DISPATCH_ALLOWED_HOSTS: withDefault(
    list,
    'runs',
    '',
    'Hosts that runs may be dispatched to (`startRun(input: { webhook })`), separated by commas: `agents.example.com`, `agents.example.com:8443`, `*.example.com`, or `*` for all public addresses. Private addresses need a name of their own here; link-local ones, where clouds serve their metadata, must be listed as addresses. Empty switches dispatch off.',
  ),
  DISPATCH_SECRET: optional(
    key,
    'runs',
    'Signs dispatched runs (Standard Webhooks, HMAC-SHA256); receivers verify with the same. At least 32 bytes.',
    { secret },
  ),
  TEMPORAL_ADDRESS: optional(
    hostAndPort,
    'runs',
    'The frontend of a Temporal server, as `host:port`: runs that are started with `startRun(input: { workflow: true })` are owned by its workflows (docs/temporal.md).',
    { absent: 'dispatch to Temporal is off' },
  ),
  TEMPORAL_NAMESPACE: withDefault(text, 'runs', 'default', 'The namespace of the workflows.'),
  TEMPORAL_TASK_QUEUE: withDefault(
    text,
    'runs',
    'tributary-runs',
    'The task queue that the workers of the workflows poll.',
  ),
  TEMPORAL_WORKFLOW_TYPE: withDefault(
    text,
    'runs',
    'tributaryRun',
    'The name under which the workers register the workflow.',
  ),
  TEMPORAL_TLS: optional(flag, 'runs', 'Whether Temporal is asked over TLS.', {
    absent: '`true` where TEMPORAL_API_KEY or one of the TEMPORAL_TLS_ variables is set',
  }),
  TEMPORAL_TLS_CA: optional(pem, 'runs', "The authorities that Temporal's certificate may come from, as PEM text.", {
    secret,
    absent: 'those that Node.js trusts',
  }),
  TEMPORAL_TLS_CERT: optional(pem, 'runs', 'The certificate that this server shows to Temporal, as PEM text.', {
    secret,
  }),
  TEMPORAL_TLS_KEY: optional(pem, 'runs', 'The key of that certificate, as PEM text.', { secret }),
  TEMPORAL_API_KEY: optional(text, 'runs', 'An API key for Temporal.', { secret }),

  AMQP_URL: optional(
    url('amqp', 'amqps'),
    'runs',
    'RabbitMQ, such as `amqps://user:password@broker/%2F`: workers are told there of runs to claim (`claimRun`), by messages of Dramatiq (docs/stacks/queues.md).',
    { secret, absent: 'workers ask for runs themselves' },
  ),
  DRAMATIQ_QUEUE: withDefault(
    queueName,
    'runs',
    'tributary-runs',
    "The queue of those messages; Dramatiq's `.DQ` and `.XQ` belong to it.",
  ),
  DRAMATIQ_ACTOR: withDefault(text, 'runs', 'answer_run', 'The name of the actor that takes them.'),
  BULLMQ_URL: optional(
    url('redis', 'rediss'),
    'runs',
    'Redis, such as `rediss://user:password@jobs:6379/0`: workers of BullMQ are told there of runs to claim (`claimRun`), instead of by `AMQP_URL` (docs/stacks/queues.md). It should evict nothing (`noeviction`).',
    { secret, absent: 'workers ask for runs themselves' },
  ),
  BULLMQ_QUEUE: withDefault(
    queueName,
    'runs',
    'tributary-runs',
    'The queue of those jobs, which are called `answer_run`.',
  ),
  BULLMQ_PREFIX: withDefault(
    text.regex(/^[a-zA-Z0-9._{}-]+$/, 'must have letters, digits and `._{}-` only'),
    'runs',
    'bull',
    "What the names of the queue's keys begin with; its workers must have the same.",
  ),

  SUPERGRAPH: withDefault(
    text,
    'supergraph',
    'supergraph.yaml',
    "The file that names the subgraphs, in Rover's format. It is watched: editing it recomposes.",
  ),

  SUBGRAPH_FORWARD_HEADERS: withDefault(
    headerNames,
    'remote',
    'traceparent,tracestate',
    'Headers of clients that are passed on to remote subgraphs, separated by commas; `none` for none. Name `authorization` only where every such subgraph may act as the caller.',
  ),
  SUBGRAPH_ERRORS: withDefault(
    z.enum(['redact', 'pass'], 'must be `redact` or `pass`'),
    'remote',
    'redact',
    'What clients are told of errors of a remote subgraph that is not ours: `redact`, only that it failed (`SUBGRAPH_ERROR`; what it says is logged), or `pass`, its message, code and extensions. Its `stacktrace` and `exception` never pass.',
  ),
  SUBGRAPH_DEDUPLICATE: withDefault(
    flag,
    'remote',
    'true',
    'Whether equal queries to a remote subgraph that are under way at the same time are sent once: of callers with the same tenant, subject, roles, scopes and passed-on headers.',
  ),
  SUBGRAPH_SUBSCRIPTIONS: withDefault(
    subscriptions,
    'remote',
    'auto',
    'How subscriptions of remote subgraphs are made: `graphql-ws`, `sse` (graphql-sse, distinct connections), or `auto`, which asks for the first and, where there are no WebSockets, for the second; at the `routing_url`; or for one subgraph a URL, where `ws://` and `wss://` mean graphql-ws, `http://` and `https://` SSE.',
  ),
  SUBGRAPH_SHARE_SUBSCRIPTIONS: withDefault(
    z.enum(['off', 'start', 'live'], 'must be `off`, `start` or `live`'),
    'remote',
    'start',
    'Whether equal subscriptions are one on the subgraph, of callers of whom it is told the same. `start`: until its first event, so that streams which begin with a snapshot or a replay are whole for everybody. `live`: at any time, where each event stands alone. `off`: never.',
  ),
  SUBGRAPH_CONNECTION_PARAMS: optional(
    jsonObject,
    'remote',
    'A JSON object for the payload of `connection_init` on WebSockets to remote subgraphs, such as `{"apiKey": "…"}`. The headers that are passed on are added to it, and win.',
    { secret, absent: 'the headers alone' },
  ),
  SUBGRAPH_RESUBSCRIBE: withDefault(
    flag,
    'remote',
    'false',
    'Whether a subscription that a remote subgraph loses is asked for again, after 250 ms, doubled up to 15 s and spread by chance. Events between are missing, so the first one after it says `extensions.resubscribed`. Otherwise a lost subscription ends with `SUBGRAPH_UNAVAILABLE`.',
  ),
  SUBGRAPH_REQUEST_HEADERS: withDefault(
    requestHeaderRules,
    'remote',
    '',
    'What happens, in this order, to the headers of `SUBGRAPH_FORWARD_HEADERS` before they are sent: rules separated by semicolons or line ends, `set NAME: VALUE`, `default NAME: VALUE` (where the client sent none), `rename NAME: NEW-NAME`, `remove NAME`.',
    { secret },
  ),
  SUBGRAPH_RESPONSE_HEADERS: withDefault(
    responseHeaderRules,
    'remote',
    '',
    "Headers of remote subgraphs' answers that reach the client of a query or mutation over HTTP, and what becomes of several: `NAME: first`, `last` or `append`, separated by semicolons. `set-cookie: append`; `cache-control: strictest`, where a fetch that says nothing, or an error, makes it `no-store`.",
  ),

  SUBGRAPH_TLS_CA: optional(
    text,
    'remote',
    'The authorities that certificates of remote subgraphs (`https://`) may come from, as PEM text; `system` for those that Node.js trusts.',
    { file, absent: 'those that Node.js trusts' },
  ),
  SUBGRAPH_TLS_CERT: optional(
    text,
    'remote',
    'The certificate that is shown to remote subgraphs which ask for one, as PEM text, with those between it and its authority behind it; `none` for none.',
    { file, absent: 'none is shown' },
  ),
  SUBGRAPH_TLS_KEY: optional(pem, 'remote', 'The key of that certificate, as PEM text, without a passphrase.', {
    secret,
  }),
  SUBGRAPH_TLS_SERVER_NAME: optional(
    text.regex(/^[A-Za-z0-9.-]+$/, 'must be the name of a host'),
    'remote',
    'The name that the certificate of a remote subgraph must have, where it is not that of the host in its URL.',
    { absent: 'that of the host' },
  ),
  SERVE_TLS_CERT: optional(
    text,
    'remote',
    'Of `npm run subgraph` alone: the certificate with which it serves over TLS, as PEM text, with those between it and its authority behind it.',
    { file, absent: 'it serves without TLS' },
  ),
  SERVE_TLS_KEY: optional(pem, 'remote', 'The key of that certificate, as PEM text, without a passphrase.', { secret }),
  SERVE_TLS_CLIENT_CA: optional(
    text,
    'remote',
    'Of `npm run subgraph` alone: the authorities that the certificates of its clients must come from, as PEM text. Whoever shows none is not connected.',
    { file, absent: 'clients need no certificate' },
  ),
  SERVE_HEALTH_PORT: optional(
    integer(0, 65_535),
    'remote',
    'Of `npm run subgraph` alone: a port at which `/health/live` and `/health/ready` are answered without TLS, for probes that have no certificate. Nothing else is answered there.',
    { absent: 'probes ask at `PORT`' },
  ),

  ERASURE_SIGNING_KEY: optional(
    pem,
    'care',
    'Of `npm run erase-tenant` alone: the Ed25519 private key that signs its reports, as PEM text (`openssl genpkey -algorithm ed25519`).',
    { secret, absent: 'a key that is made into `DATA_DIR`' },
  ),

  METRICS: withDefault(
    flag,
    'telemetry',
    'false',
    'Whether Prometheus reads metrics at `/metrics`, beside everything else: by a name that the server knows (`ALLOWED_HOSTS`), and outside development mode with a token that has `METRICS_SCOPE`.',
  ),
  METRICS_PORT: optional(
    integer(0, 65_535),
    'telemetry',
    'A port of its own for `/metrics`, at the address `HOST`, which answers nothing else. It asks nobody who he is: only Prometheus should reach it.',
    { absent: 'there is none' },
  ),
  METRICS_SCOPE: withDefault(
    text,
    'telemetry',
    'metrics:read',
    'Callers with this scope may read `/metrics` where `METRICS` is `true`; in development mode everybody may.',
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: optional(
    url('http', 'https'),
    'telemetry',
    'Where metrics and traces are sent: an OpenTelemetry Collector, or whatever else takes OTLP over HTTP, such as `http://collector:4318`. `/v1/metrics` and `/v1/traces` are added.',
    { absent: 'nothing is sent' },
  ),
  OTEL_EXPORTER_OTLP_HEADERS: optional(
    text.refine(isPairs, 'must be `name=value` pairs, separated by commas'),
    'telemetry',
    'Headers of what is sent there, such as `authorization=Bearer%20…`: pairs `name=value`, percent-encoded, separated by commas.',
    { secret },
  ),
  OTEL_METRICS_EXPORTER: withDefault(
    z.enum(['otlp', 'none']),
    'telemetry',
    'otlp',
    'Whether metrics are sent there (`otlp`, or `none`).',
  ),
  OTEL_TRACES_EXPORTER: withDefault(
    z.enum(['otlp', 'none']),
    'telemetry',
    'otlp',
    'Whether traces are sent there (`otlp`, or `none`).',
  ),
  OTEL_LOGS_EXPORTER: withDefault(
    z.enum(['otlp', 'none']),
    'telemetry',
    'none',
    'Whether lines of the log are sent there too (`otlp`, or `none`), to `/v1/logs`; they are written to standard error all the same.',
  ),
  OTEL_TRACES_SAMPLER_ARG: withDefault(
    text.regex(/^(0|1|0?\.\d{1,9}|1\.0+)$/, 'must be a number from 0 to 1').transform(Number),
    'telemetry',
    '1',
    'The part of requests that is traced, from 0 to 1, of those that come without a decision of their caller (`traceparent`), whose decision holds.',
  ),
  OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: withDefault(
    flag,
    'telemetry',
    'false',
    'Whether traces have what models are asked and what they answer: texts of clients, for Langfuse and its like. Embedded texts are never shown.',
  ),
  OTEL_SERVICE_NAME: withDefault(text, 'telemetry', 'tributary', 'What the server is called in metrics and traces.'),
  OTEL_RESOURCE_ATTRIBUTES: optional(
    text.refine(isPairs, 'must be `name=value` pairs, separated by commas'),
    'telemetry',
    'Further attributes of it, such as `deployment.environment.name=production,service.namespace=agents`.',
  ),
});

export type VariableValues = z.output<typeof Variables>;
export type VariableName = keyof VariableValues;

/** Names and meanings, in the order in which they are printed. */
export const variableTable = (): { name: VariableName; meta: VariableMeta }[] => {
  const sections: readonly string[] = Object.values(SECTIONS);
  return Object.entries(Variables.shape)
    .map(([name, schema]) => ({
      name: name as VariableName,
      meta: (schema as z.ZodType).meta() as unknown as VariableMeta,
    }))
    .sort((a, b) => sections.indexOf(a.meta.section) - sections.indexOf(b.meta.section));
};
