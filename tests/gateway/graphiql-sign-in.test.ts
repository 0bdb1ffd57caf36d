/** GraphiQL behind an issuer: a browser that signs in with the code flow and PKCE, at npm's `oidc-provider`. */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chromiumPath, startBrowser } from '#tests/setup/browser.ts';
import { startTestServer, type TestServer } from './fixture.ts';

const RESOURCE = 'urn:tributary';
const QUERY = `?${new URLSearchParams({ query: '{ whoAmI { tenantId subject } }' }).toString()}`;

interface ProviderContext {
  oidc: { params: Record<string, string | undefined> };
}
interface Provider {
  callback(): RequestListener;
  on(event: string, listener: (context: ProviderContext) => void): void;
}
const { default: ProviderClass } = (await import('oidc-provider' as string)) as {
  default: new (issuer: string, options: object) => Provider;
};

describe.skipIf(chromiumPath === undefined)('GraphiQL behind an issuer', () => {
  let issuer: Server;
  let issuerUrl: string;
  let it: TestServer;
  let browser: Browser;
  /** What the client asked for, in order. */
  const asked: Record<string, string | undefined>[] = [];

  beforeAll(async () => {
    let answer: RequestListener = (_, response) => void response.writeHead(503).end();
    issuer = createServer((request, response) => answer(request, response));
    issuer.listen(0, '127.0.0.1');
    await once(issuer, 'listening');
    issuerUrl = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
    it = await startTestServer({
      OIDC_ISSUER: issuerUrl,
      OIDC_AUDIENCE: RESOURCE,
      GRAPHIQL_CLIENT_ID: 'graphiql',
      GRAPHIQL_SIGN_IN_PARAMETERS: JSON.stringify({ scope: 'openid', resource: RESOURCE }),
    });
    const provider = new ProviderClass(issuerUrl, {
      clients: [
        {
          client_id: 'graphiql',
          token_endpoint_auth_method: 'none',
          redirect_uris: [`${it.url}/graphql`],
          grant_types: ['authorization_code', 'refresh_token'],
          response_types: ['code'],
        },
      ],
      cookies: { keys: ['of the tests'] },
      clientBasedCORS: () => true,
      pkce: { required: () => true },
      issueRefreshToken: () => true,
      extraTokenClaims: () => ({ tenant: 'acme' }),
      features: {
        devInteractions: { enabled: true },
        resourceIndicators: {
          enabled: true,
          useGrantedResource: () => true,
          // Ends soon after it is early for a new one.
          getResourceServerInfo: () => ({
            scope: '',
            audience: RESOURCE,
            accessTokenFormat: 'jwt',
            accessTokenTTL: 32,
          }),
        },
      },
    });
    for (const event of ['authorization.accepted', 'grant.success'])
      provider.on(event, ({ oidc }) => void asked.push({ ...oidc.params }));
    answer = provider.callback();
    browser = await startBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await it[Symbol.asyncDispose]();
    issuer.closeAllConnections();
    await new Promise((resolve) => issuer.close(resolve));
  });

  const asks = async (page: Page): Promise<void> => {
    await page.locator('.graphiql-execute-button').click();
  };
  const response = (page: Page) =>
    expect.poll(() => page.locator('.graphiql-response').innerText(), { timeout: 30_000 });
  const bar = (page: Page) => page.locator('#sign-in');

  test('whoever opens it is sent to sign in, comes back with his query, and asks as who he is', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => {
      if (/Content Security Policy|Refused to/.test(message.text())) faults.push(message.text());
    });
    await page.goto(`${it.url}/graphql${QUERY}`);
    await page.locator('input[name=login]').fill('alice');
    await page.locator('input[name=password]').fill('x');
    await page.locator('button[type=submit]').click();
    await page.locator('button[type=submit]').click(); // Consent.
    await page.waitForSelector('.graphiql-execute-button', { timeout: 60_000 });
    expect(page.url()).toBe(`${it.url}/graphql${QUERY}`);
    await asks(page);
    await response(page).toMatch(/"tenantId":\s"acme"/);
    await response(page).toMatch(/"subject":\s"alice"/);
    await expect.poll(() => bar(page).innerText()).toBe('Sign out');

    const [authorization, code] = asked;
    expect(authorization).toMatchObject({ response_type: 'code', code_challenge_method: 'S256', resource: RESOURCE });
    expect(code).toMatchObject({ grant_type: 'authorization_code' });
    expect(code!['code_verifier']).toMatch(/^[\w-]{43}$/);
    // For this tab alone, and nowhere that people look.
    const { access } = JSON.parse((await page.evaluate(() => sessionStorage.getItem('tributary:tokens')))!) as {
      access: string;
    };
    const shown = await page.evaluate(() => JSON.stringify({ ...localStorage }) + document.documentElement.outerHTML);
    expect(shown).not.toContain(access);
    expect(it.log.join('')).not.toContain(access);

    // Before it ends it is renewed, once, without a word.
    await page.clock.install();
    await page.clock.fastForward(5_000);
    await asks(page);
    await expect.poll(() => asked.at(-1)!['grant_type'], { timeout: 30_000 }).toBe('refresh_token');
    await response(page).toMatch(/"subject":\s"alice"/);

    // Events come the same way.
    const subscription = new URLSearchParams({ query: 'subscription { bookAdded { title } }' });
    await page.goto(`${it.url}/graphql?${subscription.toString()}`);
    await asks(page);
    await it.library.until(() => it.library.listeners.size === 1);
    it.library.add('Piranesi');
    await response(page).toContain('Piranesi');
    await page.goto(`${it.url}/graphql${QUERY}`);
    await expect.poll(() => bar(page).innerText(), { timeout: 30_000 }).toBe('Sign out');

    // Who has left is not sent there again.
    await bar(page).getByRole('button').click();
    await expect.poll(() => bar(page).innerText()).toBe('Sign in');
    await page.reload();
    await expect.poll(() => bar(page).innerText()).toBe('Sign in');
    await asks(page);
    await response(page).toContain('UNAUTHENTICATED');
    // The issuer still knows him.
    await bar(page).getByRole('button').click();
    await expect.poll(() => bar(page).innerText(), { timeout: 30_000 }).toBe('Sign out');
    await asks(page);
    await response(page).toMatch(/"subject":\s"alice"/);
    expect(faults).toEqual([]);
    await context.close();
  }, 180_000);

  test.each([
    ["an answer to nobody's question", '?code=stolen&state=guessed', 'no answer to this page'],
    ["a refusal to nobody's question", '?error=access_denied&state=guessed', 'no answer to this page'],
  ])('%s signs nobody in, and is not followed again', async (_, search, told) => {
    const context = await browser.newContext();
    const page = await context.newPage();
    const before = asked.length;
    await page.goto(`${it.url}/graphql${search}`);
    await expect.poll(() => bar(page).innerText(), { timeout: 30_000 }).toContain(told);
    expect(page.url()).toBe(`${it.url}/graphql`);
    expect(await page.evaluate(() => sessionStorage.getItem('tributary:tokens'))).toBeNull();
    expect(asked).toHaveLength(before);
    await context.close();
  });

  test('the page may ask the issuer for tokens, and nobody else', async () => {
    const answer = await fetch(`${it.url}/graphql`, { headers: { accept: 'text/html' } });
    expect(answer.headers.get('content-security-policy')).toContain(`connect-src 'self' ws: wss: ${issuerUrl};`);
    expect(await answer.text()).toContain('"required":true');
  });
});

test('without the issuer the page is there, and nobody is sent anywhere', async () => {
  await using away = await startTestServer({
    OIDC_ISSUER: 'http://127.0.0.1:1',
    OIDC_AUDIENCE: 'x',
    GRAPHIQL_CLIENT_ID: 'graphiql',
    ANONYMOUS_TENANT: 'public',
  });
  const answer = await fetch(`${away.url}/graphql`, { headers: { accept: 'text/html' } });
  expect(answer.status).toBe(200);
  expect(await answer.text()).toMatch(/"signIn":\{"clientId":"graphiql".*"required":false/);
  expect(away.log.join('')).toContain('the issuer does not say where');
});
