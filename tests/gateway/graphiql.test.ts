import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GRAPHIQL_TABS } from '#ops/serve/pages.ts';
import { chromiumPath, startBrowser } from '#tests/setup/browser.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

describe.skipIf(chromiumPath === undefined)('GraphiQL in a browser without a network', () => {
  let it: TestServer;
  let browser: Browser;
  beforeAll(async () => {
    it = await startTestServer();
    browser = await startBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await it[Symbol.asyncDispose]();
  });

  test('loads from this server alone, has the examples as tabs, and runs one', async () => {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    const outside: string[] = [];
    const faults: string[] = [];
    await page.route('**/*', async (route) => {
      const url = new URL(route.request().url());
      if (url.origin === it.url || url.protocol === 'data:' || url.protocol === 'blob:') return await route.continue();
      outside.push(url.href);
      await route.abort();
    });
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => {
      if (/Content Security Policy|Refused to/.test(message.text())) faults.push(message.text());
    });
    await page.goto(`${it.url}/graphql`);
    await page.waitForSelector('.graphiql-tab', { timeout: 60_000 });
    const tabs = await page.locator('.graphiql-tab-button').allTextContents();
    // A tab is called after the first operation of its file.
    const files = (await readdir(GRAPHIQL_TABS)).filter((name) => /^\d.*\.graphql$/.test(name)).sort();
    const first = await Promise.all(files.map((name) => readFile(new URL(name, GRAPHIQL_TABS), 'utf8')));
    expect(tabs.map((tab) => tab.trim())).toEqual(
      first.map((text) => /^(?:query|mutation|subscription) (\w+)/m.exec(text)![1]),
    );

    await expect.poll(() => page.locator('.graphiql-editor-tool').first().innerText()).toContain('question');
    // By mouse, as people do.
    await page.locator('.graphiql-tab-button', { hasText: /^Models$/ }).click();
    await expect.poll(() => page.locator('.graphiql-query-editor').innerText()).toContain('Models');
    // A tab of several operations asks which.
    await page.locator('.graphiql-execute-button').click();
    await page.getByRole('menuitem', { name: 'Models' }).click();
    await expect.poll(() => page.locator('.graphiql-response').innerText(), { timeout: 30_000 }).toContain('hashing');
    // What the page's policy might forbid: the language services' workers, formatting, and the schema's documentation.
    await page.locator('.graphiql-tab-button', { hasText: /^Deferred$/ }).click();
    await expect.poll(() => page.locator('.graphiql-query-editor').innerText()).toContain('Deferred');
    await page.locator('.graphiql-query-editor .view-lines').click();
    await page.keyboard.press('Control+End');
    await page.keyboard.type('\nquery  Wrong{nothingOfTheKind}');
    await expect
      .poll(() => page.locator('.graphiql-query-editor .squiggly-error').count(), { timeout: 30_000 })
      .toBeGreaterThan(0);
    await page.locator('button[aria-label^="Prettify"]').click();
    await expect.poll(() => page.locator('.graphiql-query-editor').innerText()).toMatch(/query\sWrong\s\{/);
    await page.locator('button[aria-label="Show Documentation Explorer"]').click();
    await expect.poll(() => page.locator('.graphiql-plugin').innerText()).toContain('Root Types');
    const picture = process.env['GRAPHIQL_SCREENSHOT'];
    if (picture !== undefined) await page.screenshot({ path: picture });
    expect(outside).toEqual([]);
    expect(faults).toEqual([]);
    await page.close();
  }, 120_000);

  test('the page cannot be framed, and a link to a query opens it', async () => {
    const response = await fetch(`${it.url}/graphql?query=%7B__typename%7D`, {
      headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' },
    });
    expect(response.headers.get('content-type')).toMatch(/^text\/html/);
    expect(response.headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    const json = await fetch(`${it.url}/graphql?query=%7B__typename%7D`, { headers: { accept: 'application/json' } });
    expect(await json.json()).toEqual({ data: { __typename: 'Query' } });
  });
});

test('assets are compressed, named for their content, and nothing else is served there', async () => {
  await using it = await startTestServer();
  const page = await (await fetch(`${it.url}/graphql`, { headers: { accept: 'text/html' } })).text();
  expect(page).not.toContain('sign-in');
  const [script] = /\/graphiql\/[0-9a-f]{16}\.js/.exec(page)!;
  const asset = await fetch(`${it.url}${script}`);
  expect([asset.status, asset.headers.get('content-encoding'), asset.headers.get('cache-control')]).toEqual([
    200,
    'gzip',
    'public, max-age=31536000, immutable',
  ]);
  expect((await fetch(`${it.url}/graphiql/${'0'.repeat(16)}.js`)).status).toBe(404);
  expect((await fetch(`${it.url}/graphiql/..%2f..%2fpackage.json`)).status).toBe(404);
  expect(page).not.toContain(fileURLToPath(new URL('../..', import.meta.url)));
});
