/**
 * The examples that have packages of their own, from a folder that holds nothing else: a chat page of the AI SDK in a browser, and an
 * agent over MCP. They are installed by `npm run test:examples` alone. No registry has the weights of a chat model: the one here is
 * scripted.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { json } from 'node:stream/consumers';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { wireTo, type Wire } from '#tests/e2e/wire.ts';
import { chromiumPath, startBrowser } from '#tests/setup/browser.ts';
import { openLibrary, type Library } from './library.ts';

const folder = process.env['EXAMPLES_FOLDER'];
const WITHIN = { timeout: 20_000 };

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are looked into, and a wrong shape fails the test */

describe.skipIf(folder === undefined)('examples', { timeout: 120_000 }, () => {
  let library: Library;
  beforeAll(async () => {
    library = await openLibrary();
  }, 120_000);
  afterAll(async () => {
    await library?.[Symbol.asyncDispose]();
  });

  describe('a chat page of the AI SDK', () => {
    let wire: Wire;
    let pages: ChildProcess;
    let browser: Browser;
    let page: Page;
    let agentId: string;
    const faults: string[] = [];

    beforeAll(async () => {
      const { createAgent } = await library.ask('mutation { createAgent(input: { name: "teller" }) { agent { id } } }');
      agentId = createAgent.agent.id;
      wire = await wireTo(Number(new URL(library.url).port));
      pages = spawn('npm', ['start'], {
        cwd: join(folder!, 'ai-sdk'),
        env: { ...process.env, PORT: '0' },
        detached: true,
      });
      const origin = await new Promise<string>((resolve) => {
        for (const out of [pages.stdout!, pages.stderr!])
          createInterface({ input: out }).on('line', (line) => {
            const [found] = /http:\/\/127\.0\.0\.1:\d+/.exec(line) ?? [];
            if (found !== undefined) resolve(found);
          });
      });
      browser = await startBrowser();
      page = await browser.newPage();
      page.on('pageerror', (error) => faults.push(String(error)));
      await page.goto(`${origin}/?agent=teller&origin=http://127.0.0.1:${wire.port}`);
    }, 120_000);
    afterAll(async () => {
      await browser?.close();
      if (pages?.pid !== undefined && pages.exitCode === null) process.kill(-pages.pid);
      await wire?.[Symbol.asyncDispose]();
    });

    const status = () => page.locator('main').getAttribute('data-status');
    const answer = () => page.locator('article.assistant').last().innerText();
    const say = async (question: string) => {
      await page.getByLabel('Question').fill(question);
      await page.getByRole('button', { name: 'Ask' }).click();
    };
    /** What somebody who works for the agent does. */
    const claim = async () => {
      const { run, lease } = await vi.waitFor(async () => {
        const { claimRun } = await library.ask(
          'mutation ($agentId: ID!) { claimRun(input: { agentId: $agentId }) { run { id input } lease { token } } }',
          { agentId },
        );
        expect(claimRun.run).not.toBeNull();
        return claimRun;
      }, WITHIN);
      return {
        input: run.input,
        append: (...events: readonly { type: string; payload: object }[]) =>
          library.ask('mutation ($input: AppendRunEventsInput!) { appendRunEvents(input: $input) { run { id } } }', {
            input: { runId: run.id, token: lease.token, events },
          }),
        finish: () =>
          library.ask('mutation ($input: FinishRunInput!) { finishRun(input: $input) { run { id } } }', {
            input: { runId: run.id, token: lease.token },
          }),
        status: async () =>
          (await library.ask('query ($id: ID!) { run(id: $id) { status } }', { id: run.id })).run.status as string,
      };
    };
    const text = (delta: string) => ({ type: 'TEXT_MESSAGE_CONTENT', payload: { messageId: 'm', delta } });
    const START = { type: 'TEXT_MESSAGE_START', payload: { messageId: 'm', role: 'assistant' } };
    const END = { type: 'TEXT_MESSAGE_END', payload: { messageId: 'm' } };

    test('shows what is said as it is said, over a broken connection and a page that is loaded again', async () => {
      await say('A story?');
      const run = await claim();
      expect(run.input).toMatchObject({ messages: [{ role: 'user', content: 'A story?' }] });
      const tool = { toolCallId: 't' };
      await run.append(
        { type: 'TOOL_CALL_START', payload: { ...tool, toolCallName: 'look_up' } },
        { type: 'TOOL_CALL_ARGS', payload: { ...tool, delta: '{"what":"stories"}' } },
        { type: 'TOOL_CALL_END', payload: tool },
        { type: 'TOOL_CALL_RESULT', payload: { ...tool, messageId: 'r', content: '["one"]' } },
        START,
        text('Once'),
      );
      await vi.waitFor(async () => expect(await answer()).toContain('Once'), WITHIN);
      expect(await answer()).toContain('look_up: done');

      expect(wire.snap()).toBeGreaterThan(0);
      await run.append(text(' upon'));
      await vi.waitFor(async () => expect(await answer()).toContain('Once upon'), WITHIN);

      await page.reload();
      await run.append(text(' a time.'));
      await vi.waitFor(async () => expect(await answer()).toContain('Once upon a time.'), WITHIN);
      expect(await page.locator('article').count()).toBe(2);
      expect(await answer()).toContain('look_up: done');

      await run.append(END);
      await run.finish();
      await vi.waitFor(async () => expect(await status()).toBe('ready'), WITHIN);
      await page.reload();
      await vi.waitFor(async () => expect(await answer()).toContain('Once upon a time.'), WITHIN);
      expect(await status()).toBe('ready');
      expect(faults).toEqual([]);
    });

    test('sends what was said before, and ends the run where somebody stops it', async () => {
      await say('Another?');
      const run = await claim();
      expect(run.input.messages.map(({ role, content }: any) => [role, content])).toEqual([
        ['user', 'A story?'],
        ['assistant', 'Once upon a time.'],
        ['user', 'Another?'],
      ]);
      await run.append(START, text('No'));
      await vi.waitFor(async () => expect(await answer()).toBe('No'), WITHIN);
      await page.getByRole('button', { name: 'Stop' }).click();
      await vi.waitFor(async () => expect(await run.status()).toBe('CANCELLED'), WITHIN);
      await vi.waitFor(async () => expect(await status()).toBe('ready'), WITHIN);
    });

    test('says what the server says against a question', async () => {
      await page.goto(page.url().replace('agent=teller', 'agent=nobody'));
      await say('Anybody?');
      await vi.waitFor(async () => expect(await page.getByRole('alert').innerText()).toContain('agent'), WITHIN);
      expect(faults).toEqual([]);
    });
  });

  describe('an agent over MCP', () => {
    let model: Server;
    const asked: any[] = [];
    /** Calls a tool with a mistake, mends it by what it is told, and answers with what was found. */
    const scripted = ({ messages, tools }: any) => {
      const told = messages.filter(({ role }: any) => role === 'tool');
      const call = (given: object) => ({
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: `c${told.length}`, type: 'function', function: { name: 'search', arguments: JSON.stringify(given) } },
        ],
      });
      expect(tools.map(({ function: { name } }: any) => name)).toContain('search');
      if (told.length === 0) return call({ queri: 'text of Four' });
      if (told.length === 1) return call({ query: 'text of Four', first: 1 });
      return { role: 'assistant', content: `Found: ${told[1].content}` };
    };
    beforeAll(async () => {
      model = createServer((request, response) => {
        void (async () => {
          const given = (await json(request)) as any;
          asked.push(given);
          response.writeHead(200, { 'content-type': 'application/json' });
          response.end(JSON.stringify({ choices: [{ index: 0, message: scripted(given), finish_reason: 'stop' }] }));
        })();
      }).listen(0, '127.0.0.1');
      await once(model, 'listening');
    });
    afterAll(() => void model?.close());

    test('answers from what the tools tell, and mends its own mistakes', async () => {
      const { port } = model.address() as AddressInfo;
      const { stdout, stderr } = await promisify(execFile)('node', ['agent.mjs', 'What', 'is', 'Four?'], {
        cwd: join(folder!, 'mcp-agent'),
        env: {
          ...process.env,
          TRIBUTARY_URL: library.url.replace('/graphql', '/mcp'),
          MODEL_URL: `http://127.0.0.1:${port}/v1`,
          MODEL: 'scripted',
        },
      });
      expect(stdout).toContain('The text of Four.');
      expect(stderr.trim().split('\n')).toHaveLength(2);
      const [, second] = asked;
      expect(second.messages.at(-1).content).toMatch(/queri|query/);
      expect(asked[0].messages.at(-1)).toEqual({ role: 'user', content: 'What is Four?' });
    });
  });

  test.runIf(process.env['CI'] === 'true')('CI has a browser', () => expect(chromiumPath).toBeDefined());
});
