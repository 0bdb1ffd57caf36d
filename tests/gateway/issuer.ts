/** A small OpenID Connect issuer: metadata, keys, and access tokens made to order. */
import { createServer } from 'node:http';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

export interface Issuer extends AsyncDisposable {
  readonly url: string;
  /** How often each path was fetched. */
  readonly fetched: Map<string, number>;
  /** While true, every request fails. */
  down: boolean;
  /**
   * An access token for the audience `tributary` that is valid for five minutes, but for what `claims` says otherwise.
   */
  token(
    claims: Record<string, unknown>,
    options?: { expiresInSeconds?: number; foreignKey?: boolean; typ?: string; kid?: string },
  ): Promise<string>;
  /** Signs with another key from now on; the one before is published no longer. */
  rotate(): Promise<void>;
}

export async function startIssuer(): Promise<Issuer> {
  let generation = 0;
  let { publicKey, privateKey } = await generateKeyPair('ES256');
  const foreign = await generateKeyPair('ES256');
  const published = async () => ({ ...(await exportJWK(publicKey)), kid: `k${generation}`, alg: 'ES256', use: 'sig' });
  let jwk = await published();
  const fetched = new Map<string, number>();
  const server = createServer((request, response) => {
    const path = request.url!;
    fetched.set(path, (fetched.get(path) ?? 0) + 1);
    if (issuer.down) return void response.writeHead(500).end();
    response.setHeader('content-type', 'application/json');
    if (path === '/.well-known/openid-configuration')
      response.end(JSON.stringify({ issuer: issuer.url, jwks_uri: `${issuer.url}/keys` }));
    else if (path === '/keys') response.end(JSON.stringify({ keys: [jwk] }));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer: Issuer = {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    fetched,
    down: false,
    async rotate() {
      generation += 1;
      ({ publicKey, privateKey } = await generateKeyPair('ES256'));
      jwk = await published();
    },
    token: (claims, { expiresInSeconds = 300, foreignKey = false, typ, kid = `k${generation}` } = {}) =>
      new SignJWT({ iss: issuer.url, aud: 'tributary', sub: 'alice', ...claims })
        .setProtectedHeader({ alg: 'ES256', kid, ...(typ === undefined ? {} : { typ }) })
        .setIssuedAt()
        .setExpirationTime(Math.floor(Date.now() / 1_000) + expiresInSeconds)
        .sign(foreignKey ? foreign.privateKey : privateKey),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return issuer;
}
