/** What a line of the log is, whatever is in it: one line, readable, of some length, without secrets. */
import { describe, expect, test } from 'vitest';
import { createLogger, type LogFormat } from '#gateway/telemetry/logger.ts';
import { loadConfig } from '#gateway/config/config.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { logFailure } from '#gateway/telemetry/log-failure.ts';

/** What is written by some logging. */
function written(format: LogFormat, act: (log: ReturnType<typeof createLogger>) => void): string[] {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line), isTTY: false };
  act(createLogger({ level: 'trace', format, destination }));
  return lines;
}

/** What no reader sees, or is more than seen. */
// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;

/** What tries to be more than a text. */
const FORGERIES = [
  'a\r\n{"level":"info","msg":"forged"}',
  'a\nINFO forged',
  '\u001b[2K\u001b[1A\u001b[31mforged\u001b]0;title\u0007',
  '\u009b31mforged',
  '","level":"fatal","x":"',
  'a\u2028{"msg":"forged"}\u2029',
  'a\u0085b\u000bc\u000cd\u0000e\u007ff\u0008',
  '\u202eforged\u2066\ufeff\u200b',
  'x'.repeat(1_000_000),
  '\ud800 half',
];

describe.each(FORGERIES.map((text) => [JSON.stringify(text).slice(0, 40), text] as const))('%s', (_, text) => {
  const act = (log: ReturnType<typeof createLogger>): void => {
    log.info({ text, nested: { list: [text], [`key ${text.slice(0, 20)}`]: 1 } }, 'An event.');
    log.error({ err: new Error(text, { cause: new CodedError('FORBIDDEN', text) }), requestId: text }, 'A failure.');
    logFailure(log, 'A field failed.', new TypeError(text), { requestId: 'r' }, { aboutInput: true });
  };

  test('is one line of JSON', () => {
    const lines = written('json', act);
    expect(lines).toHaveLength(3);
    for (const line of lines) {
      expect(line.endsWith('}\n')).toBe(true);
      expect(line.slice(0, -1)).not.toMatch(INVISIBLE);
      expect(line.length).toBeLessThan(50_000);
      expect((JSON.parse(line) as { msg: string }).msg).toMatch(/^An? /);
    }
    expect(lines[2]).not.toContain(JSON.stringify(text).slice(1, 20));
  });

  test('tells a terminal nothing', () => {
    for (const entry of written('text', act)) {
      expect(entry.replaceAll('\n', '')).not.toMatch(INVISIBLE);
      // Every further line is set in, so that none looks like another event.
      for (const line of entry.trimEnd().split('\n').slice(1)) expect(line).toMatch(/^(?: {4}|\})/);
    }
  });
});

test('what was given as a secret is in no line and no error, in any form', () => {
  const [password, key, header, param] = ['p@ss/w0rd+x9', 'key-9f8e7d6c5b', 'foreign-1a2b3c', 'param-77aa88bb'];
  loadConfig({
    DATABASE_URL: `postgres://user:${encodeURIComponent(password)}@127.0.0.1:1/x`,
    OPENAI_BASE_URL: 'http://127.0.0.1:1',
    OPENAI_API_KEY: key,
    SUBGRAPH_REQUEST_HEADERS: `set x-key: ${header}; remove cookie`,
    SUBGRAPH_CONNECTION_PARAMS: JSON.stringify({ a: { b: param } }),
  });
  const secrets = [password, key, header, param];
  const forms = secrets.flatMap((secret) => [
    secret,
    encodeURIComponent(secret),
    `Basic ${Buffer.from(`user:${secret}`).toString('base64')}`,
    Buffer.from(`us:${secret}`).toString('base64'),
    Buffer.from(`use:${secret}:x`).toString('base64'),
  ]);
  for (const form of forms) {
    const { message } = new CodedError('STORE_UNAVAILABLE', `The server said: you sent ${form}!`);
    const lines = written('json', (log) => log.warn({ said: `you sent ${form}!`, err: new Error(form) }, 'Refused.'));
    for (const told of [message, ...lines]) {
      const decoded = (told.match(/[A-Za-z0-9+/]{8,}/g) ?? []).map((text) =>
        Buffer.from(text, 'base64').toString('latin1'),
      );
      for (const secret of secrets) for (const text of [told, ...decoded]) expect(text).not.toContain(secret);
    }
    expect(message).toContain('you sent ');
  }
  // Words are left alone: they would be missed elsewhere.
  loadConfig({ DATABASE_URL: 'postgres://postgres:postgres@127.0.0.1:1/x' });
  expect(new CodedError('STORE_UNAVAILABLE', 'Where postgres runs').message).toBe('Where postgres runs');
});

test('texts that could not be read as JSON are not quoted', () => {
  const failing = (): unknown => JSON.parse('PERSONAL words of somebody');
  const [line] = written('json', (log) => {
    try {
      failing();
    } catch (error) {
      log.error({ err: error }, 'x');
    }
  });
  expect(line).toContain('is not valid JSON');
  expect(line).not.toContain('PERSONAL');
});
