/** `npm run docs [-- --check]`: prints docs/configuration.md, docs/bounds.md, docs/errors.md, docs/scopes.md and the JSON Schema of sources from the tables that the code uses. */
import { parseArgs } from 'node:util';
import { BACKUP } from './backup/bounds.ts';
import { CONFIG } from './config/bounds.ts';
import { DOCTOR } from './doctor/bounds.ts';
import { ERASURE } from './erasure/bounds.ts';
import { COMPARE } from './compare/bounds.ts';
import { PERSIST } from './persist/bounds.ts';
import { EMBEDDED } from './embedded/bounds.ts';
import { INTROSPECT } from './graph-introspect/bounds.ts';
import { INGEST } from './ingest/bounds.ts';
import { MCP } from './mcp/bounds.ts';
import { KEYS } from './keys/bounds.ts';
import { SERVE } from './serve/bounds.ts';
import { INIT } from './sources/bounds.ts';
import { BOUNDS } from '#gateway/bounds/index.ts';
import { variableTable } from '#gateway/config/variables.ts';
import { ERROR_CODES } from '#gateway/errors.ts';
import { rootTypes, SCOPES, scopeOf } from '#subgraphs/shared/scopes.ts';
import { jsonSchema } from '#subgraphs/sources/model/format.ts';
import { tableOf, type Bounds } from '#subgraphs/shared/bound.ts';
import { subgraphSchemas } from './schema.ts';
import { reportPrintedFiles, writePrintedFiles, type PrintedFile } from './printed-file.ts';

/** All tables of bounds, in the order of docs/bounds.md. */
const BOUND_TABLES: readonly Bounds<unknown>[] = [
  SERVE,
  EMBEDDED,
  INGEST,
  MCP,
  INTROSPECT,
  KEYS,
  CONFIG,
  DOCTOR,
  ERASURE,
  BACKUP,
  COMPARE,
  PERSIST,
  INIT,
  ...Object.values(BOUNDS),
];

/** A cell of a Markdown table. */
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function configuration(): string {
  const sections = new Map<string, string[]>();
  for (const { name, meta } of variableTable()) {
    const fallback =
      meta.default === undefined ? cell(meta.absent ?? '–') : meta.default === '' ? '(empty)' : `\`${meta.default}\``;
    const row = `| \`${name}\`${meta.secret === true ? ' (secret)' : meta.file === true ? ' (file)' : ''} | ${cell(meta.description)} | ${fallback} |`;
    sections.set(meta.section, [...(sections.get(meta.section) ?? []), row]);
  }
  const tables = [...sections].map(
    ([section, rows]) =>
      `## ${section}\n\n| variable | meaning | when absent |\n| --- | --- | --- |\n${rows.join('\n')}\n`,
  );
  return `# Configuration

<!-- Printed by \`npm run docs\` from gateway/config/variables.ts. Edit that. -->

Everything is configured by environment variables, read once at start. Whatever is wrong with them is reported at once, by name, and the
server does not start. A name that is nearly one of these (\`MAX_DEPTHS\`, \`API_KEY\`, \`RATE_LIMIT_PER_PRINCIPAL\`) is told by a warning in the log. \`npm run config -- --check\` says
all that without a start: which are set, from where, and what is wrong, never the value of a secret; it ends with 1 where something is. An empty variable counts as absent. Each secret may also be given as \`NAME_FILE\`, the path of a file that holds it, and so may what is marked (file).
The files of passwords and keys of stores, and of certificates, are read anew when a connection is made, so that they can be exchanged under a
running server.

Bounds of resources, these and those that cannot be set, are listed with their units and ranges in [bounds.md](bounds.md).

Where a variable of a store is \`off\`, the store is switched off: the API keeps its shape, the store's fields answer \`null\` with
the error \`STORE_DISABLED\`, and everything else goes on.

${tables.join('\n')}
## Several processes

\`npm start -- --workers N\` serves with N processes on one port. The first process holds \`DATA_DIR\` and the embedded PostgreSQL; the workers
accept connections by themselves, each with a pool of \`POSTGRES_POOL_SIZE\` connections, and one that ends is replaced. Streams resume on any
of them. To spread over machines, start one server on each, with the same stores and secrets, behind a load balancer.

## Subgraphs elsewhere

\`SUBGRAPH_<NAME>_URL\` (such as \`SUBGRAPH_VECTOR_URL=http://vector:4103/graphql\`) sends a subgraph's requests to a server of its own, in
the place of the \`routing_url\` in \`supergraph.yaml\`. The project's own six (\`npm run subgraph -- <name> --port <p>\`) are told who asks by a
token that is signed with \`INTERNAL_TOKEN_SECRET\`; foreign subgraphs never receive it.

Each \`SUBGRAPH_<SETTING>\` of the table above may also be said of one subgraph: \`SUBGRAPH_INVENTORY_TIMEOUT_MS=2000\`,
\`SUBGRAPH_INVENTORY_SUBSCRIPTIONS=https://inventory:4001/graphql/stream\`. In names, whatever is not a letter or a digit is \`_\`.

Signed links of files and \`/runs/<id>/events\` are asked of the gateway and passed on to \`object\` and \`runs\`. Give \`object\` the gateway's
\`PUBLIC_BASE_URL\`, or its links lead to itself. \`/health/ready\` of the gateway tells the state of the stores of those that run apart, too.

Subgraphs that run apart ask others, too, where the same variables tell them where those are. \`relational\` asks \`runs\` and \`graph\` whether
there is what \`node(id)\` names: without \`SUBGRAPH_RUNS_URL\` and \`SUBGRAPH_GRAPH_URL\` it refuses their ids with \`STORE_DISABLED\`, and takes
whatever an artifact names for a run; it asks \`inference\` for summaries of sessions, and without it takes those alone that callers write. \`object\` and \`graph\` ask \`relational\` what was shared with a project, and without it show nothing of that.

## TLS between gateway and subgraphs

The gateway and each subgraph have a certificate of one authority (\`clientAuth\` and \`serverAuth\`, where certificates say what they are for):

    # npm run subgraph -- vector
    SERVE_TLS_CERT_FILE=/tls/tls.crt SERVE_TLS_KEY_FILE=/tls/tls.key SERVE_TLS_CLIENT_CA_FILE=/tls/ca.crt
    SERVE_HEALTH_PORT=4113            # probes of an orchestrator have no certificate; they are told only whether it is ready

    # npm start, and each subgraph that asks another
    SUBGRAPH_VECTOR_URL=https://vector:4103/graphql
    SUBGRAPH_TLS_CERT_FILE=/tls/tls.crt SUBGRAPH_TLS_KEY_FILE=/tls/tls.key SUBGRAPH_TLS_CA_FILE=/tls/ca.crt

The files may change at any time (cert-manager, Vault): the next connection is made with what they hold then, and while a certificate and its
key do not fit together, with those before. To exchange the authority, let the files of authorities have both for a while. Connections that are
open stay. \`SUBGRAPH_<NAME>_TLS_…\` says another authority, certificate or name for one subgraph; \`SUBGRAPH_MAPS_TLS_CA=system\` and
\`SUBGRAPH_MAPS_TLS_CERT=none\` treat one of other people as if nothing were said. A handshake that fails is told in the logs of both sides.
`;
}

/** A number as people read it: `64 MiB`, `5,000`. */
const amount = (value: number, unit: string): string =>
  unit === 'bytes' && value >= 1024 * 1024 && value % (1024 * 1024) === 0
    ? `${value / (1024 * 1024)} MiB`
    : unit === 'bytes' && value >= 1024 && value % 1024 === 0
      ? `${value / 1024} KiB`
      : `${value.toLocaleString('en-US')} ${unit}`;

function bounds(): string {
  const rooms = BOUND_TABLES.map(tableOf).map(({ room, entries }) => {
    const rows = Object.entries(entries).map(([name, bound]) => {
      const fallback = bound.default === undefined ? bound.absent : amount(bound.default, bound.unit);
      const set =
        bound.variable === undefined
          ? '–'
          : `\`${bound.variable}\`, ${bound.min.toLocaleString('en-US')} to ${bound.max.toLocaleString('en-US')}`;
      return `| \`${name}\` | ${cell(bound.what)} | ${cell(fallback)} | ${set} |`;
    });
    return `## ${room}\n\n| name | what it bounds | default | set by, from and to |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`;
  });
  return `# Bounds of resources

<!-- Printed by \`npm run docs\` from gateway/bounds/ and each \`bounds.ts\`. Edit those. -->

Every time-out, size, queue, cache, retry and interval, by the room that keeps it. Those with a variable are set as all others are
([configuration.md](configuration.md)): in its unit, as a whole number, checked at start. Those without hold as they are: details that nobody
has had reason to set, and caps that the API's descriptions promise. A program that starts the server itself
(\`startServer(config)\`) finds them in \`config.bounds\`, by room.

${rooms.join('\n')}`;
}

function errors(): string {
  const rows = Object.entries(ERROR_CODES).map(
    ([code, { status, meaning, action }]) => `| \`${code}\` | ${status} | ${cell(meaning)} | ${cell(action)} |`,
  );
  return `# Errors

<!-- Printed by \`npm run docs\` from gateway/errors.ts. Edit that. -->

Every error has a stable \`extensions.code\`. \`extensions.service\` names the subgraph where there is one, \`extensions.hint\` says what a person
can do, and \`extensions.requestId\` finds the entry in the log. The HTTP status is that of answers which are only this error (refused
operations, plain routes); an answer with data has the status 200, whatever its fields' errors.

| code | status | what happened | what to do |
| --- | --- | --- | --- |
${rows.join('\n')}

Over WebSocket, errors of one operation arrive in its \`error\` or \`next\` messages. A socket is closed with:

| close code | meaning |
| --- | --- |
| 4400 | A message that is not of the \`graphql-transport-ws\` protocol. |
| 4401 | An operation before \`connection_init\`. |
| 4403 | The token or API key in \`connectionParams.authorization\` (or the upgrade's \`Authorization\` header) is not valid, or has expired or was revoked while the socket was open. Connect again with a new one, and resume. |
| 4408 | No \`connection_init\` within 10 seconds. |
| 4409 | An operation id that is in use. |
| 4499 | Nothing is wrong with the client: the server stops, or what was sent was left unread for too long. Connect again and resume from the last cursor. |
| 1007, 1009 | A message that is not UTF-8, or longer than \`BODY_LIMIT_BYTES\`. |
| 1013 | The identity provider, or the store of API keys, cannot be reached, or too many tokens from the address did not hold. Try again later. |
`;
}

/** What scopes are for that no field takes. */
const BY_NO_FIELD: Readonly<Record<string, string>> = {
  'memory:all': "none: without it, one sees of users' own facts his own",
  'sessions:all': 'none: without it, one sees his own sessions',
  'sources:write': 'what the file of `SOURCES` says',
};

/** The scopes and the fields that take them, by the subgraphs' own schemas. */
async function scopes(): Promise<string> {
  const fields = new Map<string, string[]>();
  for (const schema of Object.values(await subgraphSchemas())) {
    for (const field of rootTypes(schema).flatMap((root) => Object.values(root.getFields()))) {
      const scope = scopeOf(field);
      if (scope !== undefined) fields.set(scope, [...(fields.get(scope) ?? []), `\`${field.name}\``]);
    }
  }
  const rows = Object.entries(SCOPES).map(
    ([scope, what]) => `| \`${scope}\` | ${what} | ${(fields.get(scope) ?? [BY_NO_FIELD[scope] ?? '']).join(', ')} |`,
  );
  return `# Scopes

<!-- Printed by \`npm run docs\` from subgraphs/shared/scopes.ts and the subgraphs' schemas. Edit those. -->

What callers must have been granted to change something, to spend, and to read what is kept for administrators. Everything else a caller of the
tenant may read, but for sessions with their messages and users' own facts, of which he reads his ([agents.md](agents.md#conversations)). A token has scopes itself (\`OIDC_SCOPES_CLAIM\`), and its roles are granted those of \`ROLE_SCOPES\`; an API key has those that it was made with, and no others:

\`\`\`sh
ROLE_SCOPES='workers=runs:work; editors=documents:write memory:write models:use; admins=*; *=runs:write'
\`\`\`

The scope \`*\` is all of these, the role \`*\` everybody's who has said who he is. A scope that nothing asks for (\`document:write\`) is told by \`npm run keys -- create\` and, in \`ROLE_SCOPES\`, by \`npm run config\`. In development mode everybody has all of them. Where one is missing, the field is \`null\` with the
error \`FORBIDDEN\`, whose hint names it, and no store is asked (\`UNAUTHORIZED_FIELDS=refuse\` refuses the operation). A \`GET\` never has \`models:use\`: a link that a browser follows, or
fetches ahead, spends nothing. \`Document.summary(method: MODEL)\` takes \`models:use\` too. The subgraphs say what their fields take by Federation's \`@requiresScopes\`, as foreign subgraphs can
([security.md](security.md)).

| scope | what its holder may do | fields |
| --- | --- | --- |
${rows.join('\n')}
`;
}

/** The documents as they should be. */
export const printedDocs = async (): Promise<PrintedFile[]> => [
  { url: new URL('../docs/configuration.md', import.meta.url), text: configuration() },
  { url: new URL('../docs/bounds.md', import.meta.url), text: bounds() },
  { url: new URL('../docs/errors.md', import.meta.url), text: errors() },
  { url: new URL('../docs/scopes.md', import.meta.url), text: await scopes() },
  { url: new URL('../subgraphs/sources/model/sources.schema.json', import.meta.url), text: jsonSchema() },
];

if (import.meta.url === new URL(process.argv[1] ?? '', 'file://').href) {
  const check = parseArgs({ options: { check: { type: 'boolean' } } }).values.check === true;
  reportPrintedFiles(await writePrintedFiles(await printedDocs(), { check }), { check, command: 'npm run docs' });
}
