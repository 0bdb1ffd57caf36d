/** The example page in a real browser: a run appears as it is written, and goes on after the network was cut. */
import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runLibrarian } from '#root/examples/librarian/librarian.ts';
import { post } from '#tests/e2e/contract/clients.ts';
import { untilFound, writeDocuments } from '#tests/setup/documents.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { wireTo, type Wire } from '../wire.ts';
import { chromiumPath, startBrowser } from '#tests/setup/browser.ts';

const PATH = '/examples/run-viewer';

// CI without a browser proves nothing of this page, and says so.
describe.skipIf(chromiumPath === undefined && process.env['CI'] !== 'true')('the run viewer', () => {
  let server: TestServer;
  let wire: Wire;
  let browser: Browser;
  let page: Page;
  const stop = new AbortController();
  let librarian: Promise<void>;
  const faults: string[] = [];
  const textOf = (id: string): Promise<string> => page.locator(`#${id}`).innerText();

  beforeAll(async () => {
    server = await startTestServer();
    wire = await wireTo(server.server.port);
    await writeDocuments(
      server.url,
      ['undici', 'cockatiel', 'got', 'ky', 'pg'].map((name) => ({
        title: `${name} README`,
        source: `npm/${name}`,
        mediaType: 'text/markdown',
        text: `${name} retries requests that failed, waits a while between attempts, and gives up in the end.\n\nIt is one of several that do.`,
      })),
    );
    await untilFound(server.url, 'retries', 5);
    // Through the server's own port: the wire is the browser's.
    librarian = runLibrarian({ url: server.url, signal: stop.signal, pollMs: 50, paceMs: 250 });
    await vi.waitFor(
      async () => {
        const { data } = await post(server.url, '{ agents(first: 1) { edges { node { name } } } }');
        expect(data!['agents'].edges).toHaveLength(1);
      },
      { timeout: 20_000 },
    );
    browser = await startBrowser();
    page = await browser.newPage({ viewport: { width: 1240, height: 800 }, colorScheme: 'light' });
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on(
      'console',
      (message) =>
        message.type() === 'error' &&
        !/ERR_CONNECTION|WebSocket connection|Failed to fetch/.test(message.text()) &&
        faults.push(message.text()),
    );
  });
  afterAll(async () => {
    stop.abort();
    await librarian;
    await browser?.close();
    await wire?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  test('shows a run as it is written, loses and repeats nothing when the network is cut, and goes on when loaded again', async () => {
    await page.goto(`http://127.0.0.1:${wire.port}${PATH}`);
    await page.getByRole('button', { name: 'Ask' }).click();
    await page.locator('#answer.live').waitFor();
    await vi.waitFor(async () => expect(await textOf('answer')).toContain('What the documents say'), {
      timeout: 10_000,
    });
    const before = Number(await textOf('cursor'));

    wire.cut();
    await vi.waitFor(async () => expect(await textOf('connection')).toMatch(/^reconnecting/));
    const runId = new URL(page.url()).hash.slice(1);
    // The run goes on without its reader.
    await vi.waitFor(
      async () =>
        expect(
          (await post(server.url, 'query($id: ID!) { run(id: $id) { lastSequence } }', { id: runId })).data!['run']
            .lastSequence,
        ).toBeGreaterThan(before + 2),
      { timeout: 10_000 },
    );
    expect(Number(await textOf('cursor'))).toBeLessThanOrEqual(before + 2);
    wire.mend();
    await vi.waitFor(async () => expect(await textOf('connection')).toBe('live'), { timeout: 10_000 });
    // And by hand.
    await page.getByRole('button', { name: 'Cut the connection' }).click();
    await vi.waitFor(async () => expect(await textOf('status')).toBe('SUCCEEDED'), { timeout: 20_000 });

    const { run } = (
      await post(
        server.url,
        'query($id: ID!) { run(id: $id) { lastSequence output events(first: 200) { edges { node { sequence type } } } } }',
        { id: runId },
      )
    ).data!;
    const stored = run.events.edges.map(
      ({ node }: { node: { sequence: number; type: string } }) => `${node.sequence} ${node.type}`,
    );
    const rows = async (): Promise<string[]> =>
      await page.locator('#events li:not(.seam)').evaluateAll((items) =>
        items.map((item) =>
          [...item.children]
            .slice(0, 2)
            .map(({ textContent }) => textContent)
            .join(' '),
        ),
      );
    expect(await rows()).toEqual(stored);
    expect((await textOf('answer')).trim()).toBe(run.output.answer);
    expect(await Promise.all(['count', 'cursor', 'lost', 'repeated'].map(textOf))).toEqual([
      String(run.lastSequence),
      String(run.lastSequence),
      '0',
      '0',
    ]);
    expect(Number(await textOf('reconnects'))).toBeGreaterThanOrEqual(2);
    expect(await page.locator('#artifact').getAttribute('href')).toMatch(/^http/);
    const picture = process.env['RUN_VIEWER_SCREENSHOT'];
    if (picture !== undefined) await page.screenshot({ path: picture });

    await page.reload();
    await vi.waitFor(async () => expect(await rows()).toEqual(stored), { timeout: 10_000 });
    expect(faults).toEqual([]);
  });

  test('runs nothing but its own script', async () => {
    const response = await fetch(`${server.url}${PATH}`);
    const policy = response.headers.get('content-security-policy')!;
    expect(policy).toMatch(/default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'/);
    expect(policy).not.toContain('unsafe');
    expect(await response.text()).toBe(
      await readFile(new URL('../../../examples/run-viewer/index.html', import.meta.url), 'utf8'),
    );
    await page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'window.intruded = true';
      document.body.append(script);
    });
    expect(await page.evaluate(() => 'intruded' in window)).toBe(false);
  });
});
