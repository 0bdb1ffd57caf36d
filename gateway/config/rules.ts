/** Rules between variables: what must be set beside what, and what has no effect alone. */
import { isBuiltIn } from '#subgraphs/shared/built-in-models.ts';
import { hasPrice } from '#subgraphs/shared/model-prices.ts';
import type { VariableName, VariableValues } from './variables.ts';

/** A variable's value where it could be read. */
type Values = <N extends VariableName>(name: N) => VariableValues[N] | undefined;

/** Adds a line to `faults` for each rule that is broken. */
export function checkTogether(value: Values, isSet: (name: VariableName) => boolean, faults: string[]): void {
  const host = value('HOST');
  const keys = value('API_KEYS');
  if (!tellsWhoAsks(isSet, keys) && host !== undefined && !isLoopback(host)) {
    faults.push(
      `HOST is ${host}, but without OIDC_ISSUER, FORWARD_AUTH_USER_HEADER or API_KEYS=only the server is in development mode, where everybody who reaches it is the developer. ` +
        'Set OIDC_ISSUER (and OIDC_AUDIENCE), or API_KEYS=only, or HOST=127.0.0.1.',
    );
  }
  if (keys === 'only') {
    for (const name of ['OIDC_ISSUER', 'FORWARD_AUTH_USER_HEADER'] as const)
      if (isSet(name)) faults.push(`${name} has no effect with API_KEYS=only; set API_KEYS=on to have both.`);
    if (value('DATABASE_URL') === 'off')
      faults.push(
        'API_KEYS is `only`, but keys are kept in PostgreSQL, which DATABASE_URL=off switches off: nobody could come in.',
      );
  }
  if (keys === 'off') {
    for (const name of ['API_KEY_PEPPER', 'API_KEY_PEPPER_ALSO'] as const)
      if (isSet(name)) faults.push(`${name} has no effect with API_KEYS=off.`);
  }
  if (isSet('OIDC_ISSUER') && !isSet('OIDC_AUDIENCE') && !isSet('OIDC_CLIENT_ID')) {
    faults.push('OIDC_AUDIENCE must be set beside OIDC_ISSUER, or any token of that issuer would be accepted.');
  }
  for (const name of [
    'OIDC_AUDIENCE',
    'OIDC_CLIENT_ID',
    'OIDC_CLIENT_SECRET',
    'OIDC_PROJECT_CLAIM',
    'GRAPHIQL_CLIENT_ID',
  ] as const) {
    if (isSet(name) && !isSet('OIDC_ISSUER')) faults.push(`${name} has no effect without OIDC_ISSUER.`);
  }
  if (isSet('ANONYMOUS_TENANT') && !tellsWhoAsks(isSet, keys))
    faults.push('ANONYMOUS_TENANT has no effect without OIDC_ISSUER, FORWARD_AUTH_USER_HEADER or API_KEYS=only.');
  const forwardedTenant = [
    'FORWARD_AUTH_TENANT_HEADER',
    'FORWARD_AUTH_TENANT_ROLE_PREFIX',
    'FORWARD_AUTH_TENANT',
  ] as const;
  if (isSet('FORWARD_AUTH_USER_HEADER')) {
    if (value('TRUSTED_PROXIES')?.length === 0)
      faults.push('TRUSTED_PROXIES must be set beside FORWARD_AUTH_USER_HEADER, or anybody could say who he is.');
    const given = forwardedTenant.filter(isSet);
    if (given.length !== 1)
      faults.push(
        `${given.length === 0 ? 'One' : 'Only one'} of ${forwardedTenant.join(', ')} must be set beside FORWARD_AUTH_USER_HEADER.`,
      );
    if (isSet('FORWARD_AUTH_TENANT_ROLE_PREFIX') && !isSet('FORWARD_AUTH_ROLES_HEADER'))
      faults.push('FORWARD_AUTH_ROLES_HEADER must be set beside FORWARD_AUTH_TENANT_ROLE_PREFIX.');
  } else {
    for (const name of ['FORWARD_AUTH_ROLES_HEADER', 'FORWARD_AUTH_PROJECT_HEADER', ...forwardedTenant] as const)
      if (isSet(name)) faults.push(`${name} has no effect without FORWARD_AUTH_USER_HEADER.`);
  }
  if ((value('OIDC_INTROSPECTION') ?? 'off') !== 'off') {
    for (const name of ['OIDC_ISSUER', 'OIDC_CLIENT_ID', 'OIDC_CLIENT_SECRET'] as const)
      if (!isSet(name)) faults.push(`${name} must be set beside OIDC_INTROSPECTION.`);
  } else if (isSet('OIDC_INTROSPECTION_URL'))
    faults.push('OIDC_INTROSPECTION_URL has no effect without OIDC_INTROSPECTION=opaque (or all).');
  if (
    isSet('DATABASE_REPLICA_URL') &&
    (value('DATABASE_URL') === 'off' || (!isSet('DATABASE_URL') && !isSet('PGHOST')))
  ) {
    faults.push('DATABASE_REPLICA_URL has no effect without DATABASE_URL (or PGHOST).');
  }
  const s3 = value('S3_ENDPOINT');
  if (s3 !== undefined && s3 !== 'off') {
    for (const name of ['S3_ACCESS_KEY', 'S3_SECRET_KEY'] as const)
      if (!isSet(name)) faults.push(`${name} must be set beside S3_ENDPOINT.`);
  }
  if (!isSet('S3_ENDPOINT') && isSet('S3_PUBLIC_ENDPOINT'))
    faults.push('S3_PUBLIC_ENDPOINT has no effect without S3_ENDPOINT.');
  if (value('DISPATCH_ALLOWED_HOSTS')?.length && !isSet('DISPATCH_SECRET'))
    faults.push(
      'DISPATCH_SECRET must be set beside DISPATCH_ALLOWED_HOSTS, or receivers could not tell who dispatches.',
    );
  if (isSet('DISPATCH_SECRET') && !value('DISPATCH_ALLOWED_HOSTS')?.length)
    faults.push('DISPATCH_SECRET has no effect without DISPATCH_ALLOWED_HOSTS.');
  const temporal = [
    'TEMPORAL_TLS',
    'TEMPORAL_TLS_CA',
    'TEMPORAL_TLS_CERT',
    'TEMPORAL_TLS_KEY',
    'TEMPORAL_API_KEY',
  ] as const;
  for (const name of temporal)
    if (isSet(name) && !isSet('TEMPORAL_ADDRESS')) faults.push(`${name} has no effect without TEMPORAL_ADDRESS.`);
  for (const name of temporal.slice(1)) {
    if (isSet(name) && value('TEMPORAL_TLS') === false)
      faults.push(`${name} is set, but TEMPORAL_TLS is false: nothing secret may travel in the clear.`);
  }
  if (isSet('TEMPORAL_TLS_CERT') !== isSet('TEMPORAL_TLS_KEY'))
    faults.push(
      `${isSet('TEMPORAL_TLS_CERT') ? 'TEMPORAL_TLS_KEY must be set beside TEMPORAL_TLS_CERT' : 'TEMPORAL_TLS_CERT must be set beside TEMPORAL_TLS_KEY'}.`,
    );
  if (isSet('AMQP_URL') && isSet('BULLMQ_URL'))
    faults.push('BULLMQ_URL cannot be set beside AMQP_URL: a run is announced on one queue.');
  if (isSet('GRAPH_MODEL') && (!isSet('NEO4J_URI') || value('NEO4J_URI') === 'off'))
    faults.push('GRAPH_MODEL has no effect without NEO4J_URI: set it to the Neo4j server that the model is of.');
  if (value('PERSISTED_OPERATIONS')?.length === 0) {
    if (value('PERSISTED_OPERATIONS_MODE') !== 'accept')
      faults.push('PERSISTED_OPERATIONS_MODE has no effect without PERSISTED_OPERATIONS.');
    if (isSet('PERSISTED_OPERATIONS_FREE_SCOPE'))
      faults.push('PERSISTED_OPERATIONS_FREE_SCOPE has no effect without PERSISTED_OPERATIONS.');
  }
  const models = value('OPENAI_BASE_URL');
  for (const name of ['CHAT_MODEL', 'RERANK_MODEL'] as const) {
    if (isSet(name) && !isSet('OPENAI_BASE_URL')) faults.push(`${name} has no effect without OPENAI_BASE_URL.`);
  }
  const embeddingModel = value('EMBEDDING_MODEL');
  const served = embeddingModel !== undefined && !isBuiltIn(embeddingModel);
  if (served && !isSet('OPENAI_BASE_URL') && !isSet('EMBEDDING_BASE_URL')) {
    faults.push(
      'EMBEDDING_MODEL has no effect without OPENAI_BASE_URL or EMBEDDING_BASE_URL, unless it is a built-in one (static-384-v1, hashing-384-v1).',
    );
  }
  for (const budget of ['MODEL_BUDGET_TENANT_MONEY', 'MODEL_BUDGET_PRINCIPAL_MONEY'] as const) {
    const prices = value('MODEL_PRICES');
    if (!isSet(budget) || prices === undefined) continue;
    const configured = (['CHAT_MODEL', 'EMBEDDING_MODEL', 'RERANK_MODEL'] as const).flatMap(
      (name) => value(name) ?? [],
    );
    const unpriced = configured.filter((model) => !isBuiltIn(model) && !hasPrice(prices, model));
    if (prices.size === 0 || unpriced.length > 0)
      faults.push(
        `MODEL_PRICES must say what ${unpriced.length === 0 ? 'models' : unpriced.join(', ')} cost${unpriced.length === 1 ? 's' : ''} beside ${budget}.`,
      );
  }
  for (const name of ['EMBEDDING_QUERY_PREFIX', 'EMBEDDING_PASSAGE_PREFIX', 'EMBEDDING_DIMENSIONS'] as const)
    if (isSet(name) && !served) faults.push(`${name} has no effect without an EMBEDDING_MODEL that a server serves.`);
  if (isSet('EMBEDDING_BASE_URL') && !served && models !== 'off')
    faults.push('EMBEDDING_MODEL must be set beside EMBEDDING_BASE_URL, to a model that is served there.');
  for (const name of [
    'PGUSER',
    'PGPASSWORD',
    'PGDATABASE',
    'PGPORT',
    'PGSSLMODE',
    'PGSSLROOTCERT',
    'PGSSLCERT',
    'PGSSLKEY',
  ] as const) {
    if (isSet(name) && !isSet('PGHOST') && !isSet('DATABASE_URL'))
      faults.push(`${name} is set without PGHOST; set PGHOST or DATABASE_URL.`);
  }
}

/** Whether anything tells who asks; where nothing does, the server is in development mode. */
export const tellsWhoAsks = (
  isSet: (name: VariableName) => boolean,
  keys: VariableValues['API_KEYS'] | undefined,
): boolean => isSet('OIDC_ISSUER') || isSet('FORWARD_AUTH_USER_HEADER') || keys === 'only';

/** Whether only this machine can connect to `host`. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || host === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
