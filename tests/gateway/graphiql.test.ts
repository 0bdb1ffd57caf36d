import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Kind, parse, type OperationDefinitionNode } from 'graphql';
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
    await expect
      .poll(() => page.locator('.graphiql-response').innerText(), { timeout: 30_000 })
      .toContain('static-384-v1');
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

  test('has a menu of further examples, keeps a history without headers, and tells how long answers take', async () => {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    await page.goto(`${it.url}/graphql`);
    await page.locator('button[aria-label="Show Examples"]').click({ timeout: 60_000 });
    await page.locator('#examples a', { hasText: /^EntityById$/ }).click();
    // A tab of its own, with its variables, beside those that were there.
    await expect
      .poll(() => page.locator('.graphiql-query-editor').innerText(), { timeout: 60_000 })
      .toContain('EntityById');
    await expect.poll(() => page.locator('.graphiql-editor-tool').first().innerText()).toMatch(/fromId/);
    expect(await page.locator('.graphiql-tab-button').count()).toBe(11);
    expect(page.url()).not.toContain('variables=');

    // A subscription's events stay, the latest first.
    const run = await ask(`mutation { createAgent(input: { name: "watched" }) { agent { id } } }`);
    const agentId = (run.createAgent as { agent: { id: string } }).agent.id;
    const started = await ask(`mutation { startRun(input: { agentId: "${agentId}" }) { run { id } } }`);
    const runId = (started.startRun as { run: { id: string } }).run.id;
    const claimed = await ask(`mutation { claimRun(input: { agentId: "${agentId}" }) { lease { token } } }`);
    const { token } = (claimed.claimRun as { lease: { token: string } }).lease;
    const follow = `subscription { runEvents(runId: "${runId}") { sequence payload } }`;
    await page.goto(`${it.url}/graphql?query=${encodeURIComponent(follow)}`);
    await expect
      .poll(() => page.locator('.graphiql-query-editor').innerText(), { timeout: 60_000 })
      .toContain('runEvents');
    await page.locator('.graphiql-execute-button').click();
    const answer = page.locator('.graphiql-response');
    const append = async (name: string): Promise<unknown> =>
      await ask(
        `mutation { appendRunEvents(input: { runId: "${runId}", token: "${token}", events: [{ type: CUSTOM, payload: { name: "${name}", value: 1 } }] }) { run { id } } }`,
      );
    await append('first');
    await expect.poll(() => answer.innerText(), { timeout: 30_000 }).toMatch(/\d events?, the last after/);
    await append('last');
    await expect
      .poll(async () => (await answer.innerText()).replace(/\s+/g, ' '), { timeout: 30_000 })
      .toMatch(/"received": (\d).*"arrived".*"name": "last".*"name": "first".*\1 events, the last after .* in all/);
    await page.locator('.graphiql-execute-button').click();

    const kept = await page.evaluate(() => localStorage.getItem('graphiql:queries'));
    expect(kept).toContain('runEvents');
    expect(kept).not.toContain('headers');
    await page.locator('button[aria-label="Show History"]').click();
    await expect.poll(() => page.locator('.graphiql-history').innerText()).toContain('runEvents');
    const picture = process.env['GRAPHIQL_SCREENSHOT'];
    if (picture !== undefined) await page.screenshot({ path: picture.replace(/(\.png)?$/, '-events.png') });
    await page.close();

    async function ask(query: string): Promise<Record<string, unknown>> {
      const response = await fetch(`${it.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query }),
      });
      const { data, errors } = (await response.json()) as { data: Record<string, unknown>; errors?: unknown };
      expect(errors).toBeUndefined();
      return data;
    }
  }, 180_000);

  test('opens what was open, a link in a tab of its own, and shows errors as the server tells them', async () => {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
    const page = await context.newPage();
    const open = async (path: string): Promise<void> => {
      await page.goto(`${it.url}${path}`);
      await page.waitForSelector('.graphiql-tab', { timeout: 60_000 });
    };
    const tabs = async (): Promise<string[]> =>
      (await page.locator('.graphiql-tab-button').allTextContents()).map((tab) => tab.trim());
    const active = async (): Promise<string> =>
      (await page.locator('.graphiql-tab-active .graphiql-tab-button').innerText()).trim();
    const query = async (): Promise<string> =>
      (await page.locator('.graphiql-query-editor').innerText()).replaceAll('\u00a0', ' ');
    // A first visit by a link: the examples stay what they are.
    await open(`/graphql?query=${encodeURIComponent('{ __typename }')}`);
    await expect.poll(query, { timeout: 30_000 }).toContain('{ __typename }');
    expect([(await tabs())[0], (await tabs()).at(-1), await active()]).toEqual([
      'Research',
      '<untitled>',
      '<untitled>',
    ]);
    // Further visits and reloads add none, and show what was shown.
    const before = await tabs();
    await open('/graphql');
    await expect.poll(query, { timeout: 30_000 }).toContain('{ __typename }');
    await page.locator('.graphiql-tab-button', { hasText: /^Models$/ }).click();
    await expect.poll(query).toContain('Models');
    await expect
      .poll(() => page.evaluate(() => JSON.parse(localStorage.getItem('graphiql:tabState')!).activeTabIndex as number))
      .toBe(before.indexOf('Models'));
    await page.reload();
    await expect.poll(query, { timeout: 30_000 }).toContain('Models');
    expect([await active(), await tabs()]).toEqual(['Models', before]);
    await open(`/graphql?query=${encodeURIComponent('{ __typename }')}`);
    await expect.poll(query, { timeout: 30_000 }).toContain('{ __typename }');
    expect([await active(), await tabs()]).toEqual(['<untitled>', before]);

    // All of them are in sight, also beside an open pane.
    await page.locator('button[aria-label="Show Documentation Explorer"]').click();
    const pane = page.locator('.graphiql-plugin');
    await expect.poll(() => pane.innerText()).toContain('All Schema Types');
    const right = await page.locator('.graphiql-tabs').evaluate((list) => list.getBoundingClientRect().right);
    for (const tab of await page.locator('.graphiql-tab').all())
      expect(await tab.evaluate((element) => element.getBoundingClientRect().right)).toBeLessThanOrEqual(right);
    // Types by name, and arguments with their defaults.
    const types = (await pane.innerText()).split('All Schema Types')[1]!.trim().split('\n');
    expect(types.length).toBeGreaterThan(100);
    expect(types).toEqual(types.toSorted((one, other) => (one < other ? -1 : 1)));
    await pane.locator('a', { hasText: /^Query$/ }).click();
    await pane.locator('a', { hasText: /^shortestPath$/ }).click();
    await expect.poll(() => pane.innerText()).toContain('maxDepth: Int = 6');

    // An empty tab says what it needs; an operation that does not hold, where.
    const answer = async (): Promise<string> =>
      (await page.locator('.graphiql-response').innerText()).replace(/\s+/g, ' ');
    await page.locator('.graphiql-query-editor .view-lines').click();
    await page.keyboard.press('Control+A');
    await page.keyboard.press('Delete');
    await page.locator('.graphiql-execute-button').click();
    await expect.poll(answer, { timeout: 30_000 }).toContain('There is nothing to run here');
    expect(await answer()).not.toContain('stack');
    await page.locator('.graphiql-query-editor .view-lines').click();
    await page.keyboard.type('# Above.\n{ nothingOfTheKind }');
    await page.locator('.graphiql-execute-button').click();
    await expect.poll(answer, { timeout: 30_000 }).toMatch(/"line": 2, "column": 3.*GRAPHQL_VALIDATION_FAILED/);
    expect(await answer()).not.toContain('stack');
    // What lies below the answer covers none of it.
    const [text, told] = await Promise.all(
      ['.result-window', '#answer'].map(async (at) => (await page.locator(at).boundingBox())!),
    );
    expect(told!.y).toBeGreaterThanOrEqual(text!.y + text!.height);
    await context.close();
  }, 180_000);

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

test('the menu has all of its examples, and with the tabs they show every field of the three roots', async () => {
  await using it = await startTestServer();
  const page = await (await fetch(`${it.url}/graphql`, { headers: { accept: 'text/html' } })).text();
  const [, json] = /id="graphiql-options">(.*?)<\/script>/.exec(page)!;
  const { defaultTabs, examples } = JSON.parse(json!) as {
    defaultTabs: { query: string }[];
    examples: { topic: string; examples: { name: string; query: string; variables: string }[] }[];
  };
  const more = new URL('more/', GRAPHIQL_TABS);
  const files = (await readdir(more)).filter((name) => name.endsWith('.graphql')).sort();
  expect(examples.map(({ topic }) => `${topic}.graphql`)).toEqual(files.map((file) => file.replace(/^\d+-/, '')));
  for (const [at, file] of files.entries()) {
    const { definitions } = parse(await readFile(new URL(file, more), 'utf8'));
    expect(examples[at]!.examples.map(({ name }) => name)).toEqual(
      definitions.map((definition) => (definition as OperationDefinitionNode).name?.value),
    );
  }

  const menu = examples.flatMap((topic) => topic.examples);
  for (const { name, query, variables } of menu)
    expect([name, requiredVariables(query).filter((each) => !(each in JSON.parse(variables)))]).toEqual([name, []]);
  const shown = new Set([...defaultTabs, ...menu].flatMap(({ query }) => rootFields(query)));
  const { data } = (await (
    await fetch(`${it.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        query:
          '{ __schema { queryType { ...F } mutationType { ...F } subscriptionType { ...F } } } fragment F on __Type { name fields { name } }',
      }),
    })
  ).json()) as { data: { __schema: Record<string, { name: string; fields: { name: string }[] }> } };
  const all = Object.values(data.__schema).flatMap(({ name, fields }) =>
    fields.map((field) => `${name}.${field.name}`),
  );
  expect(all.length).toBeGreaterThan(50);
  expect(all.filter((field) => !shown.has(field))).toEqual([]);
});

const operationsOf = (query: string): OperationDefinitionNode[] =>
  parse(query).definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);

const ROOTS = { query: 'Query', mutation: 'Mutation', subscription: 'Subscription' } as const;

const rootFields = (query: string): string[] =>
  operationsOf(query).flatMap(({ operation, selectionSet }) =>
    selectionSet.selections.flatMap((selection) =>
      selection.kind === Kind.FIELD ? [`${ROOTS[operation]}.${selection.name.value}`] : [],
    ),
  );

const requiredVariables = (query: string): string[] =>
  operationsOf(query).flatMap(({ variableDefinitions = [] }) =>
    variableDefinitions.flatMap(({ type, variable }) =>
      type.kind === Kind.NON_NULL_TYPE ? [variable.name.value] : [],
    ),
  );
