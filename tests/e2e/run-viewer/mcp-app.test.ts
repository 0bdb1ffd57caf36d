/**
 * The view of runs for hosts of MCP Apps, in a real browser: under the policy that such hosts have, in a frame without an origin, behind a small
 * host of ours, and, where it is installed (`npm run test:mcp`), behind the bridge that the extension's makers give to hosts.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { build } from 'esbuild';
import type { Browser, FrameLocator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { post } from '#tests/e2e/contract/clients.ts';
import { chromiumPath, startBrowser } from '#tests/setup/browser.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are checked by their content */
const VIEW = 'ui://tributary/run';
const MIME_TYPE = 'text/html;profile=mcp-app';
/** A busy machine's browser takes its time. */
const WAIT = { timeout: 20_000 };
/** Where the extension's own bridge is. */
const folder = process.env['MCP_TOOLS_FOLDER'];

/** What a host does that the view needs: `callTool` is the page's, and asks the server. */
const SMALL_HOST = `
  const view = document.querySelector('iframe');
  const send = (message) => view.contentWindow.postMessage({ jsonrpc: '2.0', ...message }, '*');
  window.seen = [];
  addEventListener('message', async ({ source, data: { id, method, params } }) => {
    if (source !== view.contentWindow) return;
    window.seen.push(method);
    if (method === 'ui/initialize')
      send({ id, result: { protocolVersion: params.protocolVersion, hostInfo: { name: 'test', version: '1' }, hostCapabilities: { serverTools: {} }, hostContext: { theme: 'dark' } } });
    if (method === 'ui/notifications/initialized') window.ready();
    if (method === 'tools/call') send({ id, ...(await callTool(params).then((result) => ({ result }), (error) => ({ error: { code: -32603, message: error.message } }))) });
  });
  window.ready = () => { window.isReady = true; };
  window.show = (given, result) => {
    send({ method: 'ui/notifications/tool-input', params: { arguments: given } });
    send({ method: 'ui/notifications/tool-result', params: result });
  };
  window.teardown = () => send({ id: 'bye', method: 'ui/resource-teardown', params: {} });
`;
const BRIDGED_HOST = `
  import { AppBridge, PostMessageTransport } from '@modelcontextprotocol/ext-apps/app-bridge';
  const view = document.querySelector('iframe');
  const bridge = new AppBridge(null, { name: 'test', version: '1' }, { serverTools: {} }, { hostContext: { theme: 'dark' } });
  window.seen = [];
  bridge.oncalltool = (params) => { window.seen.push('tools/call'); return window.callTool(params); };
  bridge.addEventListener('sizechange', () => window.seen.push('ui/notifications/size-changed'));
  bridge.oninitialized = () => { window.isReady = true; };
  window.show = async (given, result) => { await bridge.sendToolInput({ arguments: given }); await bridge.sendToolResult(result); };
  window.teardown = () => bridge.teardownResource({}).then(() => window.seen.push('torn down'));
  bridge.connect(new PostMessageTransport(view.contentWindow, view.contentWindow)).then(() => { view.src = '/view'; });
`;

const HOSTS: [name: string, script: string][] = [
  ['a small host', SMALL_HOST],
  ...(folder === undefined ? [] : [["the extension's own bridge", BRIDGED_HOST] as [string, string]]),
];

// CI without a browser proves nothing of this page, and says so.
describe.skipIf(chromiumPath === undefined && process.env['CI'] !== 'true')(
  'the view of runs',
  { timeout: 90_000 },
  () => {
    let it: TestServer;
    let client: Client;
    let browser: Browser;
    let html: string;
    let agentId: string;
    const ask = async (query: string, variables: Record<string, unknown> = {}): Promise<any> => {
      const { data, errors } = await post(it.url, query, variables);
      expect(errors).toBeUndefined();
      return data;
    };
    const append = (runId: string, ...events: [type: string, payload: object][]) =>
      ask('mutation ($input: AppendRunEventsInput!) { appendRunEvents(input: $input) { run { id } } }', {
        input: { runId, events: events.map(([type, payload]) => ({ type, payload })) },
      });
    const idOf = (result: any): string => result.structuredContent.data.startRun.run.id;

    beforeAll(async () => {
      it = await startTestServer({ AGENT_CAPABILITIES: 'read,run:start' });
      client = new Client({ name: 'host', version: '1' }, { versionNegotiation: { mode: 'auto' } });
      await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', it.url)));
      browser = await startBrowser();
      agentId = (await ask('mutation { createAgent(input: { name: "diver" }) { agent { id } } }')).createAgent.agent.id;
      html = ((await client.readResource({ uri: VIEW })).contents[0] as { text: string }).text;
    });
    afterAll(async () => {
      await browser?.close();
      await client?.close();
      await it?.[Symbol.asyncDispose]();
    });

    test('is a resource that loads nothing, which the tools of runs name', async () => {
      const { tools } = await client.listTools();
      expect(tools.filter(({ _meta }) => _meta !== undefined).map(({ name, _meta }) => [name, _meta])).toEqual(
        ['run_events', 'start_run'].map((name) => [name, { ui: { resourceUri: VIEW } }]),
      );
      const { contents } = await client.readResource({ uri: VIEW });
      expect(contents).toEqual([
        { uri: VIEW, mimeType: MIME_TYPE, text: html, _meta: { ui: { csp: { connectDomains: [], resourceDomains: [] }, prefersBorder: true } } }, // prettier-ignore
      ]);
      expect(html).not.toMatch(/innerHTML|insertAdjacentHTML|document\.write|eval\(|(?:src|href)=/);
      expect(html.length).toBeLessThan(20_000);
    });

    /** A host's page with the view in it. */
    async function opened(
      host: string,
      callTool: (params: any) => Promise<unknown> = (params) => client.callTool(params),
    ): Promise<{
      page: Page;
      view: FrameLocator;
      faults: string[];
      asked: string[];
      [Symbol.asyncDispose](): Promise<void>;
    }> {
      const script = host.includes('import {')
        ? (await build({ stdin: { contents: host, resolveDir: folder! }, bundle: true, write: false, format: 'iife', nodePaths: [join(folder!, 'node_modules')], logLevel: 'silent' })).outputFiles[0]!.text // prettier-ignore
        : `${host}\nview.src = '/view';`;
      const server = createServer((request, response) => {
        response.setHeader('content-type', 'text/html; charset=utf-8');
        if (request.url === '/view') {
          // What the extension has hosts enforce where nothing is declared; and a frame without an origin.
          response.setHeader('content-security-policy', "sandbox allow-scripts; default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; media-src 'self' data:; connect-src 'none'"); // prettier-ignore
          response.end(html);
        } else if (request.url === '/') {
          response.end(`<!doctype html><link rel="icon" href="data:,"><iframe sandbox="allow-scripts" style="width: 720px; height: 560px; border: 0"></iframe><script>${script.replaceAll('</script', '<\\/script')}</script>`); // prettier-ignore
        } else response.writeHead(404).end();
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const page = await browser.newPage({ viewport: { width: 740, height: 580 } });
      const faults: string[] = [];
      const asked: string[] = [];
      page.on('pageerror', (error) => faults.push(String(error)));
      page.on('dialog', (dialog) => faults.push(dialog.message()));
      page.on('console', (message) => message.type() === 'error' && faults.push(message.text())); // prettier-ignore
      page.on('request', (request) => request.url().startsWith('data:') || asked.push(new URL(request.url()).pathname));
      await page.exposeFunction('callTool', callTool);
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      await page.waitForFunction(() => (window as any).isReady === true);
      return {
        page,
        view: page.frameLocator('iframe').first(),
        faults,
        asked,
        [Symbol.asyncDispose]: async () => {
          await page.close();
          await new Promise((resolve) => server.close(resolve));
        },
      };
    }
    const show = (page: Page, given: object, result: object) =>
      page.evaluate(([given, result]) => (window as any).show(given, result), [given, result] as const);

    test.each(HOSTS)('behind %s: a run appears as it is written, whatever its text is, and ends', async (_, host) => {
      const hostile = '<img src=x onerror="alert(1)"><script>alert(2)</script>';
      const started = await client.callTool({ name: 'start_run', arguments: { agentId } });
      const id = idOf(started);
      await using open = await opened(host);
      const { page, view, faults, asked } = open;
      const textOf = (selector: string) => view.locator(selector).innerText();
      await show(page, { agentId }, started);
      await vi.waitFor(async () => expect(await textOf('#status')).toBe('QUEUED'), WAIT);
      expect(await textOf('#title')).toBe(id);
      await append(
        id,
        ['STEP_STARTED', { stepName: hostile }],
        ['TEXT_MESSAGE_START', { messageId: 'm', role: 'assistant' }],
        ['TEXT_MESSAGE_CONTENT', { messageId: 'm', delta: `The anchor lies at thirty metres. ${hostile}` }],
      );
      await vi.waitFor(async () => expect(await textOf('#answer')).toBe(`The anchor lies at thirty metres. ${hostile}`), WAIT); // prettier-ignore
      expect(await textOf('#status')).toBe('RUNNING');
      // What comes from elsewhere than the host is nobody's.
      await page.evaluate(() => {
        const other = document.body.appendChild(document.createElement('iframe'));
        (other.contentWindow as any).eval("parent.frames[0].postMessage({ jsonrpc: '2.0', method: 'ui/notifications/tool-result', params: { isError: true, content: [{ type: 'text', text: '{}' }] } }, '*')"); // prettier-ignore
      });
      await append(id, ['TEXT_MESSAGE_END', { messageId: 'm' }], ['RUN_FINISHED', {}]);
      await vi.waitFor(async () => expect(await textOf('#status')).toBe('SUCCEEDED'), WAIT);
      expect(await view.locator('#note').isVisible()).toBe(false);
      expect(await view.locator('li code').allInnerTexts()).toEqual(['RUN_STARTED', 'STEP_STARTED', 'TEXT_MESSAGE_START', 'TEXT_MESSAGE_CONTENT', 'TEXT_MESSAGE_END', 'STEP_FINISHED', 'RUN_FINISHED']); // prettier-ignore
      expect(await view.locator('img, script:not(body > script)').count()).toBe(0);
      expect(await view.locator(':root').getAttribute('data-theme')).toBe('dark');
      expect(await page.evaluate(() => (window as any).seen)).toContain('ui/notifications/size-changed');
      const calls = await page.evaluate(() => (window as any).seen.length as number);
      await page.evaluate(() => (window as any).teardown());
      if (process.env['SCREENSHOT'] !== undefined) await page.screenshot({ path: process.env['SCREENSHOT'] });
      expect(faults).toEqual([]);
      expect([...new Set(asked)].sort()).toEqual(['/', '/view']);
      expect(calls).toBeGreaterThan(3);
    });

    test.each(HOSTS)('behind %s: a long log is read to its end, and what is not there is told', async (_, host) => {
      const id = idOf(await client.callTool({ name: 'start_run', arguments: { agentId } }));
      for (let at = 0; at < 2; at += 1)
      await append(id, ...Array.from({ length: 60 }, (_, index): [string, object] => ['CUSTOM', { name: `mark ${at * 60 + index}`, value: index }])); // prettier-ignore
      await append(id, ['CUSTOM', { name: 'large', value: 'x'.repeat(50_000) }], ['RUN_ERROR', { message: 'No air.' }]);
      await using open = await opened(host);
      const { page, view, faults } = open;
      const given = { runId: id, after: '100', first: 1 };
      await show(page, given, await client.callTool({ name: 'run_events', arguments: given }));
      const types = (): Promise<string[]> => view.locator('li code').allInnerTexts();
      await vi.waitFor(async () => expect(await types()).toHaveLength(123), WAIT);
      expect(await view.locator('#status').innerText()).toBe('FAILED');
      expect((await types()).filter((type) => type !== 'CUSTOM')).toEqual(['RUN_STARTED', '…', 'RUN_ERROR']);
      expect(await view.locator('#answer').innerText()).toBe('No air.');
      const none = { runId: 'run_none' };
      await show(page, none, await client.callTool({ name: 'run_events', arguments: none }));
      await vi.waitFor(async () => expect(await view.locator('#note').innerText()).toMatch(/no such run/), WAIT);
      expect(faults).toEqual([]);
    });

    const pageOf = (status: string, events: readonly [type: string, payload: object][], hasNextPage: boolean) => ({
      structuredContent: {
        data: {
          run: {
            status,
            events: {
              edges: events.map(([type, payload], at) => ({ node: { sequence: at + 1, type, payload } })),
              pageInfo: { hasNextPage },
            },
          },
        },
      },
    });
    test.each<[name: string, answer: object, note: RegExp]>([
      [
        'its user refused the call',
        { isError: true, content: [{ type: 'text', text: 'The user denied this tool call.' }] },
        /^The user denied this tool call\.$/,
      ],
      [
        'the server refused the call',
        { isError: true, structuredContent: { errors: [{ message: 'Too many calls.' }] } },
        /^Too many calls\.$/,
      ],
      ['the call failed without a word', { isError: true }, /^The call failed\.$/],
      ['it answers nothing', {}, /no answer that can be read/],
      ['what it answers is no answer', { content: [{ type: 'text', text: 'What?' }] }, /no answer that can be read/],
    ])('behind a host where %s: that is told, and nothing asked again', async (_, answer, note) => {
      let calls = 0;
      await using open = await opened(SMALL_HOST, async () => ((calls += 1), answer));
      const { page, view, faults } = open;
      await show(page, { runId: 'run_x' }, {});
      await vi.waitFor(async () => expect(await view.locator('#note').innerText()).toMatch(note), WAIT);
      expect(await view.locator('#again').isVisible()).toBe(true);
      expect(await view.locator('li').count()).toBe(0);
      expect(calls).toBe(1);
      await view.locator('#again').click();
      await vi.waitFor(() => expect(calls).toBe(2), WAIT);
      expect(faults).toEqual([]);
    });

    test('behind a host that promises more and gives nothing, it does not ask on; of a long answer it shows the end', async () => {
      let calls = 0;
      const odd = pageOf('SUCCEEDED', [], true);
      const long = pageOf(
        'SUCCEEDED',
        [
          ['TEXT_MESSAGE_START', {}],
          ...Array.from({ length: 5 }, (_, at): [string, object] => [
            'TEXT_MESSAGE_CONTENT',
            { delta: String(at).repeat(60_000) },
          ]),
        ],
        false,
      );
      await using open = await opened(SMALL_HOST, async ({ arguments: { runId } }) => {
        calls += 1;
        return runId === 'run_odd' ? odd : long;
      });
      const { page, view, faults } = open;
      await show(page, { runId: 'run_odd' }, {});
      await vi.waitFor(async () => expect(await view.locator('#status').innerText()).toBe('SUCCEEDED'), WAIT);
      await show(page, { runId: 'run_long' }, {});
      await vi.waitFor(async () => expect(await view.locator('li').count()).toBe(6), WAIT);
      const answer = (await view.locator('#answer').textContent())!;
      expect(answer.slice(0, 45)).toBe('[The first 100000 characters are left out.]\n1');
      expect(answer).toHaveLength(200_044);
      expect(calls).toBe(2);
      expect(faults).toEqual([]);
    });
  },
);
