/** A small OpenID Connect issuer: metadata, keys, access tokens made to order, and what opaque ones stand for (RFC 7662). */
import { createServer, type ServerResponse } from 'node:http';
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
  /** What it says of opaque tokens to its client `tributary`, whose secret is `pass word:é`: JSON, or an answer as it is. */
  readonly opaque: Map<string, Record<string, unknown> | { status: number; body: string }>;
  /** Further metadata. */
  metadata: Record<string, unknown>;
  /** The last questions about tokens, as forms. */
  readonly questions: URLSearchParams[];
  /** Signs with another key from now on; the one before is published no longer. @param options.kid its name @default a new one */
  rotate(options?: { kid: string }): Promise<void>;
}

export async function startIssuer(): Promise<Issuer> {
  let generation = 0;
  let name = 'k0';
  let { publicKey, privateKey } = await generateKeyPair('ES256');
  const foreign = await generateKeyPair('ES256');
  const published = async () => ({ ...(await exportJWK(publicKey)), kid: name, alg: 'ES256', use: 'sig' });
  let jwk = await published();
  const fetched = new Map<string, number>();
  const server = createServer((request, response) => {
    const path = request.url!;
    fetched.set(path, (fetched.get(path) ?? 0) + 1);
    if (issuer.down) return void response.writeHead(500).end();
    response.setHeader('content-type', 'application/json');
    if (path === '/.well-known/openid-configuration')
      response.end(
        JSON.stringify({
          issuer: issuer.url,
          jwks_uri: `${issuer.url}/keys`,
          introspection_endpoint: `${issuer.url}/introspect`,
          ...issuer.metadata,
        }),
      );
    else if (path === '/keys') response.end(JSON.stringify({ keys: [jwk] }));
    else if (path === '/introspect') {
      let form = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (form += chunk));
      request.on('end', () => answerAbout(request.headers.authorization, new URLSearchParams(form), response));
    } else response.writeHead(404).end();
  });
  const answerAbout = (authorization: string | undefined, form: URLSearchParams, response: ServerResponse): void => {
    issuer.questions.push(form);
    const basic = Buffer.from(/^Basic (.*)$/.exec(authorization ?? '')?.[1] ?? '', 'base64').toString();
    const client =
      basic === 'tributary:pass+word%3A%C3%A9' ||
      (form.get('client_id') === 'tributary' && form.get('client_secret') === 'pass word:é');
    if (!client) return void response.writeHead(401).end(JSON.stringify({ error: 'invalid_client' }));
    const known = issuer.opaque.get(form.get('token')!);
    if (known !== undefined && 'status' in known && 'body' in known)
      return void response.writeHead(known.status as number).end(known.body);
    response.end(JSON.stringify(known === undefined ? { active: false } : known));
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer: Issuer = {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    fetched,
    down: false,
    opaque: new Map(),
    metadata: {},
    questions: [],
    async rotate({ kid } = { kid: `k${generation + 1}` }) {
      generation += 1;
      name = kid;
      ({ publicKey, privateKey } = await generateKeyPair('ES256'));
      jwk = await published();
    },
    token: (claims, { expiresInSeconds = 300, foreignKey = false, typ, kid = name } = {}) =>
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
