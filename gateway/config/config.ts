/**
 * The configuration: read from the environment once, checked as a whole, frozen. This is the only
 * file that may read `process.env`.
 */
import type { Capability } from '#gateway/agents/capabilities.ts';
import { resolve } from 'node:path';
import type { ListOptions } from '#gateway/admission/persisted/operation-texts.ts';
import type { ForwardAuthOptions } from '#gateway/auth/forward-auth.ts';
import type { RoleScopes } from '#gateway/auth/role-scopes.ts';
import type { AllBoundValues } from '#gateway/bounds/index.ts';
import { ratesOf, rateVariable, type Rates } from '#gateway/limits/rate-names.ts';
import { DEFAULT_BUILT_IN, isBuiltIn, type BuiltInModel } from '#subgraphs/shared/built-in-models.ts';
import type { TelemetryOptions } from '#gateway/telemetry/telemetry.ts';
import { boundValues } from './bounds.ts';
import { readPairs } from './pairs.ts';
import { readSubgraphSettings, remoteSubgraphs, type RemoteSubgraphs } from './remote-subgraphs.ts';
import { currentUrls, currentValues, urlOfParts } from './credentials.ts';
import { readServerTls, readSubgraphTls, type CurrentTls } from './tls.ts';
import { unknownVariables, type UnknownVariable } from './unknown-variables.ts';
import { Variables, type VariableName, type VariableValues } from './variables.ts';
import { checkTogether, tellsWhoAsks } from './rules.ts';
import { rawValues, readSubgraphUrls } from './environment.ts';

/** A store's address; `undefined` means the embedded default, `off` that the operator switched it off. */
export type StoreAddress<T> = T | 'off' | undefined;

export interface Config {
  /** Where nothing tells who asks, everybody who reaches the loopback interface is the developer. */
  readonly mode: 'development' | 'authenticated';
  readonly server: {
    readonly host: string;
    readonly port: number;
    readonly publicBaseUrl: string | undefined;
    readonly allowedHosts: readonly string[];
    readonly corsOrigins: readonly string[];
    /** What their pages may send; `x-*` for all that begin so. */
    readonly corsHeaders: readonly string[];
    readonly corsCredentials: boolean;
    /** Whether pages that this machine serves may call. */
    readonly trustsLoopback: boolean;
    /** Whether texts of operations are kept for their hashes. */
    readonly persistsQueries: boolean;
    /** Of answers, by preference; empty for none. */
    readonly encodings: VariableValues['COMPRESSION'];
  };
  /** Lists of persisted operations; undefined where there are none. */
  readonly listedOperations:
    | (Pick<ListOptions, 'mode' | 'clientName' | 'freeScope'> & {
        /** Absolute. */
        readonly paths: readonly string[];
      })
    | undefined;
  /** Absolute. */
  readonly dataDir: string;
  /** Absolute path of the supergraph's configuration. */
  readonly supergraphFile: string;
  readonly ingestOnStart: boolean;
  readonly runLibrarian: boolean;
  readonly log: { readonly level: VariableValues['LOG_LEVEL']; readonly format: VariableValues['LOG_FORMAT'] };
  /** Who watches, and how. */
  readonly telemetry: {
    /** Whether `/metrics` is answered beside everything else. */
    readonly onMainPort: boolean;
    /** One at which it is answered alone. */
    readonly port: number | undefined;
    /** What reading it beside everything else takes; undefined where it takes nothing. */
    readonly scope: string | undefined;
    readonly otlp: Omit<NonNullable<TelemetryOptions['otlp']>, 'headers'> | undefined;
  } & Pick<TelemetryOptions, 'sampled' | 'modelContent' | 'serviceName' | 'resource'>;
  /** Bounds of resources, by the room that keeps them (`gateway/bounds/`). */
  readonly bounds: AllBoundValues;
  /** How often callers, tenants and addresses may ask. */
  readonly rates: {
    readonly limits: Rates;
    /** What holds while Redis does not answer. */
    readonly withoutRedis: VariableValues['RATE_LIMIT_WITHOUT_REDIS'];
  };
  /** What may be spent on models in a day, and what they cost; tokens are among the bounds. */
  readonly modelBudgets: {
    readonly tenantMoney: number | undefined;
    readonly principalMoney: number | undefined;
    readonly prices: VariableValues['MODEL_PRICES'];
  };
  /** How the directives of the supergraph that protect fields are held. */
  readonly authorization: {
    /** The scope that a trace of an operation takes; undefined where it takes none. */
    readonly traceScope: string | undefined;
    /** Scopes that roles are granted. */
    readonly roleScopes: RoleScopes;
    readonly unauthorized: 'null' | 'refuse';
    readonly policies: { readonly url: string } | undefined;
  };
  readonly oidc:
    | {
        readonly issuer: string;
        readonly audience: string;
        /** Paths of claims, by what they say. */
        readonly tenantClaims: readonly string[];
        readonly projectClaims: readonly string[];
        readonly rolesClaims: readonly string[];
        readonly scopesClaims: readonly string[];
        readonly clockSkewSeconds: number;
        /** Tokens about which the issuer is asked; undefined for none. The secret is in `current`. */
        readonly introspection:
          | { readonly tokens: 'opaque' | 'all'; readonly url: string | undefined; readonly clientId: string }
          | undefined;
      }
    | undefined;
  /** How GraphiQL signs people in; undefined where it does not. */
  readonly graphiql: { readonly clientId: string; readonly parameters: Readonly<Record<string, string>> } | undefined;
  /** How a proxy says who asks; undefined where none may. */
  readonly forwardAuth: Omit<ForwardAuthOptions, 'proxies' | 'sessionMs'> | undefined;
  /** Addresses and ranges of proxies whose word counts. */
  readonly trustedProxies: readonly string[];
  /** Headers that only they may send, in lower case. */
  readonly proxyHeaders: readonly string[];
  /** The tenant of callers without a token; undefined where they are refused. */
  readonly anonymousTenant: string | undefined;
  /** Configured keys; absent ones are generated into the data folder. */
  readonly keys: {
    readonly internalToken: string | undefined;
    /** Another that is accepted. */
    readonly acceptedInternalToken: string | undefined;
    readonly objectSigning: string | undefined;
    readonly apiKeyPepper: string | undefined;
    /** What signs reports of erasures, as PEM text. */
    readonly erasureSigning: string | undefined;
    /** Another by which keys are accepted. */
    readonly acceptedApiKeyPepper: string | undefined;
  };
  /** Whether API keys tell who asks: beside what else does, alone, or not at all. */
  readonly apiKeys: VariableValues['API_KEYS'];
  /** What the tools of agents may do. */
  readonly agentCapabilities: ReadonlySet<Capability>;
  /** The client whose listed operations are tools of agents. */
  readonly agentOperations: string | undefined;
  /** Whether what is refused is kept in the audit log. */
  readonly auditRefused: VariableValues['AUDIT_REFUSED'];
  readonly stores: {
    /** `undefined`: start the embedded PostgreSQL. */
    readonly postgres: StoreAddress<{ readonly url: string }>;
    readonly postgresReplica: { readonly url: string } | undefined;
    readonly preparedStatements: boolean;
    readonly neo4j: StoreAddress<{
      readonly uri: string;
      readonly username: string;
      readonly password: string | undefined;
      readonly database: string | undefined;
    }>;
    /** The operator's own labels on that server. */
    readonly graphModel: { readonly file: string; readonly tenantProperty: string } | undefined;
    /** The file that says which stores of the operator's own join the API. */
    readonly sources: string | undefined;
    readonly qdrant: StoreAddress<{ readonly url: string; readonly apiKey: string | undefined }>;
    readonly vectorCollection: string;
    readonly pgvector: VariableValues['PGVECTOR'];
    /** Who embeds where no server does. */
    readonly builtInEmbedder: BuiltInModel;
    readonly s3: StoreAddress<{
      readonly endpoint: string;
      /** `off`: clients cannot reach the store, so bytes stream through this server. */
      readonly publicEndpoint: string | undefined;
      readonly accessKey: string;
      readonly secretKey: string;
      readonly bucket: string;
      readonly region: string;
      readonly forcePathStyle: boolean;
    }>;
    /** Whether messages of sessions are found by meaning. */
    readonly messagesIndexed: boolean;
    /** What a start embeds again where another model embedded it. */
    readonly reindex: 'ALL' | 'FREE' | 'OFF';
    /** The most tokens that the embedding model takes; undefined where none is asked. */
    readonly maxTokens: number | undefined;
    /** `off` disables embeddings and chat; `undefined` leaves the built-in embedder. */
    readonly models: StoreAddress<{
      readonly baseUrl: string | undefined;
      readonly apiKey: string | undefined;
      readonly chatModel: string | undefined;
      readonly rerankModel: string | undefined;
      readonly embeddingModel: string | undefined;
      readonly embeddingBaseUrl: string | undefined;
      /** How the embedding model is asked. */
      readonly embedding: {
        readonly queryPrefix: string | undefined;
        readonly passagePrefix: string | undefined;
        readonly dimensions: number | undefined;
      };
    }>;
  };
  readonly runs: {
    readonly redisUrl: string | undefined;
    /** When events of ended runs are archived and removed; `undefined` for never. */
    readonly retention: { readonly days: number | undefined; readonly runs: number | undefined };
    /** Where runs may be dispatched to; `undefined` when dispatch is off. */
    readonly dispatch: { readonly allowedHosts: readonly string[]; readonly secret: string } | undefined;
    /** The Temporal server whose workflows own runs; `undefined` when there is none. */
    readonly temporal:
      | {
          readonly address: string;
          readonly namespace: string;
          readonly taskQueue: string;
          readonly workflowType: string;
          readonly tls:
            | { readonly ca: string | undefined; readonly cert: string | undefined; readonly key: string | undefined }
            | undefined;
          readonly apiKey: string | undefined;
        }
      | undefined;
    /** The queue on which workers are told of runs to claim; at most one of both is there. */
    readonly dramatiq: { readonly url: string; readonly queue: string; readonly actor: string } | undefined;
    readonly bullmq: { readonly url: string; readonly queue: string; readonly prefix: string } | undefined;
  };
  /** URLs of own subgraphs that run as servers of their own (`SUBGRAPH_<NAME>_URL`), by lower-case name. */
  readonly subgraphUrls: Readonly<Record<string, string>>;
  readonly remoteSubgraphs: RemoteSubgraphs;
  /** How a subgraph that runs apart serves. */
  readonly subgraphServer: {
    /** Undefined where it serves without TLS. */
    readonly tls: CurrentTls | undefined;
    /** Where it answers health probes besides, without TLS. */
    readonly healthPort: number | undefined;
  };
  /** Variables that are set, that nothing reads, and that are nearly called like one that is read. */
  readonly unknown: readonly UnknownVariable[];
  /** Credentials as they are now, for passwords are changed under running servers. */
  readonly current: {
    value(name: VariableName): string | undefined;
    /** Of the configured PostgreSQL. */
    postgresUrl(): string;
    /** Of a store of the operator's own, by the variable that his file names; undefined where it is not set. */
    sourceUrl(variable: string): string | undefined;
  };
}

/** Everything that is wrong with the environment, one line each. */
export class ConfigError extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(
      `The configuration has ${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`,
    );
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

/** What the smaller of the usual embedding models take, such as BGE and E5. */
const USUAL_MAX_TOKENS = 512;

/**
 * Reads the environment.
 * @param env @default process.env
 * @throws ConfigError with every fault, each naming its variable and none telling a secret
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  const faults: string[] = [];
  const raw = rawValues(env, faults);
  const parsed = Variables.safeParse(raw);
  if (!parsed.success) {
    for (const issue of parsed.error.issues)
      faults.push(`${String(issue.path[0])} ${issue.message.replace(/^Invalid option: expected/, 'must be')}.`);
  }
  const subgraphUrls = readSubgraphUrls(env, faults);
  const subgraphSettings = readSubgraphSettings(env, faults);
  const subgraphTls = readSubgraphTls(env, subgraphUrls, faults);
  const serverTls = readServerTls(env, faults);
  // Rules between variables are checked on what could be read, so that nobody has to fix faults one by one.
  const bad = new Set(parsed.error?.issues.map((issue) => issue.path[0]));
  const value = <N extends VariableName>(name: N): VariableValues[N] | undefined =>
    bad.has(name)
      ? undefined
      : (parsed.data?.[name] ?? (Variables.shape[name].safeParse(raw[name]).data as VariableValues[N] | undefined));
  checkTogether(value, (name) => raw[name] !== undefined, faults);
  if (faults.length > 0 || parsed.data === undefined) throw new ConfigError(faults);
  return freeze(
    build(
      parsed.data,
      subgraphUrls,
      remoteSubgraphs(parsed.data, subgraphSettings, subgraphTls),
      serverTls,
      currentValues(env, raw),
      currentUrls(env),
      unknownVariables(env),
    ),
  );
}

/** What was paid for is not exchanged for what costs nothing only because a variable is missing. */
function reindexed({ EMBEDDING_REINDEX: when, EMBEDDING_MODEL: model }: VariableValues): 'ALL' | 'FREE' | 'OFF' {
  if (when === 'off') return 'OFF';
  return when === 'always' || model !== undefined ? 'ALL' : 'FREE';
}

function build(
  env: VariableValues,
  subgraphUrls: Record<string, string>,
  remoteSubgraphs: RemoteSubgraphs,
  serverTls: CurrentTls | undefined,
  value: Config['current']['value'],
  sourceUrl: Config['current']['sourceUrl'],
  unknown: Config['unknown'],
): Config {
  const host = env.HOST.replace(/^\[|\]$/g, '');
  const isDevelopment = !tellsWhoAsks((name) => env[name] !== undefined, env.API_KEYS);
  const isBuiltInEmbedder = env.EMBEDDING_MODEL !== undefined && isBuiltIn(env.EMBEDDING_MODEL);
  const servedModel = isBuiltInEmbedder ? undefined : env.EMBEDDING_MODEL;
  return {
    mode: isDevelopment ? 'development' : 'authenticated',
    server: {
      host,
      port: env.PORT,
      publicBaseUrl: env.PUBLIC_BASE_URL?.replace(/\/+$/, ''),
      allowedHosts: env.ALLOWED_HOSTS,
      corsOrigins: env.CORS_ORIGINS,
      corsHeaders: env.CORS_HEADERS,
      corsCredentials: env.CORS_CREDENTIALS,
      trustsLoopback: isDevelopment,
      persistsQueries: env.AUTOMATIC_PERSISTED_QUERIES,
      encodings: env.COMPRESSION,
    },
    listedOperations:
      env.PERSISTED_OPERATIONS.length === 0
        ? undefined
        : {
            paths: env.PERSISTED_OPERATIONS.map((path) => resolve(path)),
            mode: env.PERSISTED_OPERATIONS_MODE,
            clientName: env.PERSISTED_OPERATIONS_CLIENT,
            freeScope: env.PERSISTED_OPERATIONS_FREE_SCOPE,
          },
    dataDir: resolve(env.DATA_DIR),
    supergraphFile: resolve(env.SUPERGRAPH),
    ingestOnStart: env.INGEST_ON_START && isDevelopment,
    runLibrarian: env.RUN_LIBRARIAN && isDevelopment && env.DATABASE_URL !== 'off',
    log: { level: env.LOG_LEVEL, format: env.LOG_FORMAT },
    telemetry: {
      onMainPort: env.METRICS,
      port: env.METRICS_PORT,
      scope: isDevelopment ? undefined : env.METRICS_SCOPE,
      otlp:
        env.OTEL_EXPORTER_OTLP_ENDPOINT === undefined
          ? undefined
          : {
              endpoint: env.OTEL_EXPORTER_OTLP_ENDPOINT.replace(/\/+$/, ''),
              metrics: env.OTEL_METRICS_EXPORTER === 'otlp',
              traces: env.OTEL_TRACES_EXPORTER === 'otlp',
              logs: env.OTEL_LOGS_EXPORTER === 'otlp',
            },
      sampled: env.OTEL_TRACES_SAMPLER_ARG,
      modelContent: env.OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT,
      serviceName: env.OTEL_SERVICE_NAME,
      resource: readPairs(env.OTEL_RESOURCE_ATTRIBUTES ?? '')!,
    },
    bounds: boundValues(env),
    rates: {
      limits: ratesOf((name) => env[rateVariable(name)], !isDevelopment),
      withoutRedis: env.RATE_LIMIT_WITHOUT_REDIS,
    },
    modelBudgets: {
      tenantMoney: env.MODEL_BUDGET_TENANT_MONEY,
      principalMoney: env.MODEL_BUDGET_PRINCIPAL_MONEY,
      prices: env.MODEL_PRICES,
    },
    authorization: {
      traceScope: isDevelopment ? undefined : env.TRACE_SCOPE,
      roleScopes: env.ROLE_SCOPES,
      unauthorized: env.UNAUTHORIZED_FIELDS,
      policies: env.POLICY_URL === undefined ? undefined : { url: env.POLICY_URL },
    },
    oidc:
      env.OIDC_ISSUER === undefined
        ? undefined
        : {
            issuer: env.OIDC_ISSUER,
            audience: (env.OIDC_AUDIENCE ?? env.OIDC_CLIENT_ID)!,
            tenantClaims: env.OIDC_TENANT_CLAIM,
            projectClaims: env.OIDC_PROJECT_CLAIM ?? [],
            rolesClaims: env.OIDC_ROLES_CLAIM,
            scopesClaims: env.OIDC_SCOPES_CLAIM,
            clockSkewSeconds: env.OIDC_CLOCK_SKEW_SECONDS,
            introspection:
              env.OIDC_INTROSPECTION === 'off'
                ? undefined
                : { tokens: env.OIDC_INTROSPECTION, url: env.OIDC_INTROSPECTION_URL, clientId: env.OIDC_CLIENT_ID! },
          },
    graphiql:
      env.GRAPHIQL_CLIENT_ID === undefined
        ? undefined
        : {
            clientId: env.GRAPHIQL_CLIENT_ID,
            parameters: env.GRAPHIQL_SIGN_IN_PARAMETERS as Readonly<Record<string, string>>,
          },
    forwardAuth: forwardAuthOf(env),
    trustedProxies: env.TRUSTED_PROXIES,
    proxyHeaders: [
      env.FORWARD_AUTH_USER_HEADER,
      env.FORWARD_AUTH_ROLES_HEADER,
      env.FORWARD_AUTH_TENANT_HEADER,
      env.FORWARD_AUTH_PROJECT_HEADER,
    ].filter((name) => name !== undefined),
    anonymousTenant: env.ANONYMOUS_TENANT,
    keys: {
      internalToken: env.INTERNAL_TOKEN_SECRET,
      acceptedInternalToken: env.INTERNAL_TOKEN_SECRET_ALSO,
      objectSigning: env.OBJECT_SIGNING_KEY,
      apiKeyPepper: env.API_KEY_PEPPER,
      erasureSigning: env.ERASURE_SIGNING_KEY,
      acceptedApiKeyPepper: env.API_KEY_PEPPER_ALSO,
    },
    apiKeys: env.API_KEYS,
    agentOperations: env.AGENT_OPERATIONS,
    agentCapabilities: new Set([
      ...env.AGENT_CAPABILITIES,
      ...(env.MCP_MUTATIONS === 'on' ? (['write'] as const) : []),
    ]),
    auditRefused: env.AUDIT_REFUSED,
    stores: {
      postgres: postgresAddress(env),
      postgresReplica: env.DATABASE_REPLICA_URL === undefined ? undefined : { url: env.DATABASE_REPLICA_URL },
      preparedStatements: env.DATABASE_PREPARED_STATEMENTS === 'on',
      neo4j: address(env.NEO4J_URI, (uri) => ({
        uri,
        username: env.NEO4J_USERNAME,
        password: env.NEO4J_PASSWORD,
        database: env.NEO4J_DATABASE,
      })),
      graphModel:
        env.GRAPH_MODEL === undefined
          ? undefined
          : { file: resolve(env.GRAPH_MODEL), tenantProperty: env.GRAPH_MODEL_TENANT },
      sources: env.SOURCES === undefined ? undefined : resolve(env.SOURCES),
      qdrant: address(env.QDRANT_URL, (url) => ({ url, apiKey: env.QDRANT_API_KEY })),
      vectorCollection: env.VECTOR_COLLECTION,
      pgvector: env.PGVECTOR,
      s3: address(env.S3_ENDPOINT, (endpoint) => ({
        endpoint,
        publicEndpoint: env.S3_PUBLIC_ENDPOINT,
        accessKey: env.S3_ACCESS_KEY!,
        secretKey: env.S3_SECRET_KEY!,
        bucket: env.S3_BUCKET,
        region: env.S3_REGION,
        forcePathStyle: env.S3_PATH_STYLE,
      })),
      builtInEmbedder: isBuiltInEmbedder ? (env.EMBEDDING_MODEL as BuiltInModel) : DEFAULT_BUILT_IN,
      reindex: reindexed(env),
      messagesIndexed:
        env.INDEX_MESSAGES === 'always' ||
        (env.INDEX_MESSAGES === 'auto' && servedModel === undefined && env.OPENAI_BASE_URL !== 'off'),
      maxTokens: env.EMBEDDING_MAX_TOKENS ?? (servedModel === undefined ? undefined : USUAL_MAX_TOKENS),
      models: address(env.OPENAI_BASE_URL ?? env.EMBEDDING_BASE_URL, () => ({
        baseUrl: env.OPENAI_BASE_URL,
        apiKey: env.OPENAI_API_KEY,
        chatModel: env.CHAT_MODEL,
        rerankModel: env.RERANK_MODEL,
        embeddingModel: servedModel,
        embeddingBaseUrl: env.EMBEDDING_BASE_URL,
        embedding: {
          queryPrefix: env.EMBEDDING_QUERY_PREFIX,
          passagePrefix: env.EMBEDDING_PASSAGE_PREFIX,
          dimensions: env.EMBEDDING_DIMENSIONS,
        },
      })),
    },
    runs: {
      redisUrl: env.REDIS_URL,
      retention: { days: env.RUN_RETENTION_DAYS, runs: env.RUN_RETENTION_RUNS },
      dispatch:
        env.DISPATCH_ALLOWED_HOSTS.length === 0
          ? undefined
          : { allowedHosts: env.DISPATCH_ALLOWED_HOSTS, secret: env.DISPATCH_SECRET! },
      temporal:
        env.TEMPORAL_ADDRESS === undefined ? undefined : { address: env.TEMPORAL_ADDRESS, ...temporalSettings(env) },
      dramatiq:
        env.AMQP_URL === undefined
          ? undefined
          : { url: env.AMQP_URL, queue: env.DRAMATIQ_QUEUE, actor: env.DRAMATIQ_ACTOR },
      bullmq:
        env.BULLMQ_URL === undefined
          ? undefined
          : { url: env.BULLMQ_URL, queue: env.BULLMQ_QUEUE, prefix: env.BULLMQ_PREFIX },
    },
    subgraphUrls,
    remoteSubgraphs,
    subgraphServer: { tls: serverTls, healthPort: env.SERVE_HEALTH_PORT },
    unknown,
    current: {
      value,
      sourceUrl,
      postgresUrl: () => value('DATABASE_URL') ?? urlOfParts({ ...env, PGPASSWORD: value('PGPASSWORD') })!,
    },
  };
}

function forwardAuthOf(env: VariableValues): Config['forwardAuth'] {
  const {
    FORWARD_AUTH_USER_HEADER: userHeader,
    FORWARD_AUTH_ROLES_HEADER: rolesHeader,
    FORWARD_AUTH_TENANT_HEADER: header,
    FORWARD_AUTH_TENANT_ROLE_PREFIX: rolePrefix,
    FORWARD_AUTH_TENANT: always,
    FORWARD_AUTH_PROJECT_HEADER: projectHeader,
  } = env;
  if (userHeader === undefined) return undefined;
  const tenant = header !== undefined ? { header } : rolePrefix !== undefined ? { rolePrefix } : { always: always! };
  return { userHeader, rolesHeader, tenant, projectHeader };
}

function temporalSettings(env: VariableValues) {
  const [ca, cert, key, apiKey] = [
    env.TEMPORAL_TLS_CA,
    env.TEMPORAL_TLS_CERT,
    env.TEMPORAL_TLS_KEY,
    env.TEMPORAL_API_KEY,
  ];
  const encrypted = env.TEMPORAL_TLS ?? [ca, cert, apiKey].some((given) => given !== undefined);
  return {
    namespace: env.TEMPORAL_NAMESPACE,
    taskQueue: env.TEMPORAL_TASK_QUEUE,
    workflowType: env.TEMPORAL_WORKFLOW_TYPE,
    tls: encrypted ? { ca, cert, key } : undefined,
    apiKey,
  };
}

function address<T>(text: string | undefined, of: (text: string) => T): StoreAddress<T> {
  return text === undefined || text === 'off' ? text : of(text);
}

function postgresAddress(env: VariableValues): StoreAddress<{ url: string }> {
  return address(env.DATABASE_URL ?? urlOfParts(env), (url) => ({ url }));
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(freeze);
    Object.freeze(value);
  }
  return value;
}
