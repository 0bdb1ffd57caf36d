/** What an issuer says about itself (OpenID Connect Discovery 1.0), fetched on first use and kept; a failure is not. */

export interface IssuerMetadata {
  readonly jwksUri: string;
  /** Where people sign in, and where clients get tokens for it; undefined where it names none. */
  readonly authorizationEndpoint: string | undefined;
  readonly tokenEndpoint: string | undefined;
  /** RFC 8414, section 2; undefined where it names none. */
  readonly introspectionEndpoint: string | undefined;
  /** How clients may show there who they are; undefined where it does not say. */
  readonly introspectionAuthMethods: readonly string[] | undefined;
}

/**
 * @param timeoutMs longest wait, in milliseconds
 * @returns throws where it cannot be had
 */
export function issuerMetadata(issuer: string, timeoutMs: number): () => Promise<IssuerMetadata> {
  let metadata: Promise<IssuerMetadata> | undefined;
  return () =>
    (metadata ??= discover(issuer, timeoutMs).catch((error: unknown) => {
      metadata = undefined;
      throw error;
    }));
}

async function discover(issuer: string, timeoutMs: number): Promise<IssuerMetadata> {
  const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const response = await fetch(address, {
    signal: AbortSignal.timeout(timeoutMs),
    redirect: 'error',
    headers: { accept: 'application/json' },
  });
  if (!response.ok) throw new Error(`${address} answered ${response.status}.`);
  const metadata = (await response.json()) as Record<string, unknown>;
  // Section 4.3: the two must be identical.
  if (metadata['issuer'] !== issuer)
    throw new Error(`${address} is the metadata of another issuer (${JSON.stringify(metadata['issuer'])}).`);
  const { jwks_uri: jwksUri, introspection_endpoint: endpoint } = metadata;
  if (typeof jwksUri !== 'string') throw new Error(`${address} names no jwks_uri.`);
  const methods =
    metadata['introspection_endpoint_auth_methods_supported'] ?? metadata['token_endpoint_auth_methods_supported'];
  return {
    jwksUri,
    authorizationEndpoint: textIn(metadata['authorization_endpoint']),
    tokenEndpoint: textIn(metadata['token_endpoint']),
    introspectionEndpoint: textIn(endpoint),
    introspectionAuthMethods: Array.isArray(methods)
      ? methods.filter((method): method is string => typeof method === 'string')
      : undefined,
  };
}

const textIn = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
