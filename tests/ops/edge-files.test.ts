/** What the files of ops/edge promise that nobody can wait for: that they are more patient than the gateway, and take as much. `npm run test:stacks` runs them. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { ADMISSION } from '#gateway/bounds/admission.ts';
import { HTTP } from '#gateway/bounds/http.ts';
import { SUBSCRIBE } from '#gateway/bounds/subscribe.ts';
import { variableTable } from '#gateway/config/variables.ts';
import { OBJECT } from '#subgraphs/object/bounds.ts';
import { RUNS } from '#subgraphs/runs/bounds.ts';

const read = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../../ops/edge/${name}`, import.meta.url)), 'utf8');
const FILES = ['nginx.conf', 'haproxy.cfg', 'Caddyfile', 'traefik/traefik.yaml', 'traefik/tributary.yaml', 'kong.yaml'];

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const ms = (text: string | undefined): number => {
  const [, number, unit = 'ms'] = /^(\d+)(ms|s|m|h)?$/.exec(text ?? '') ?? [];
  if (number === undefined) throw new Error(`${text} is no time.`);
  return Number(number) * UNITS[unit]!;
};
const said = (name: string, pattern: RegExp): string | undefined => pattern.exec(read(name))?.[1];

/** The longest that a gateway which has nothing to say may be silent. */
const SILENCE = Math.max(ADMISSION.timeoutMs, SUBSCRIBE.pingMs, SUBSCRIBE.eventStreamAliveMs, RUNS.keepAliveMs);

test.each([
  ['nginx.conf', /proxy_read_timeout (\S+);/],
  ['nginx.conf', /proxy_send_timeout (\S+);/],
  ['haproxy.cfg', /timeout server (\S+)/],
  ['haproxy.cfg', /timeout client (\S+)/],
  ['haproxy.cfg', /timeout tunnel (\S+)/],
  ['Caddyfile', /response_header_timeout (\S+)/],
  ['traefik/tributary.yaml', /responseHeaderTimeout: (\S+)/],
  ['kong.yaml', /read_timeout: (\S+)/],
  ['kong.yaml', /write_timeout: (\S+)/],
])('%s waits longer than the gateway: %s', (name, pattern) =>
  expect(ms(said(name, pattern))).toBeGreaterThan(SILENCE + HTTP.probeTimeoutMs),
);

test.each([
  ['Caddyfile', /\tkeepalive (\S+)/],
  ['traefik/tributary.yaml', /idleConnTimeout: (\S+)/],
])('%s ends connections to the gateway before that does', (name, pattern) =>
  expect(ms(said(name, pattern))).toBeLessThan(HTTP.keepAliveMs),
);

const MIB = 1_048_576;
test.each([
  ['nginx.conf', Number(said('nginx.conf', /client_max_body_size (\d+)m;/)) * MIB],
  ['haproxy.cfg', Number(said('haproxy.cfg', /is_large \S+ gt (\d+)/))],
  ['Caddyfile', Number(said('Caddyfile', /request_body @others \{\s+max_size (\d+)MiB/)) * MIB],
  ['kong.yaml', Number(said('kong.yaml', /allowed_payload_size: (\d+)/)) * 1_000_000],
])('%s lets through what the gateway takes', (_, bytes) => {
  expect(bytes).toBeGreaterThan(HTTP.bodyBytes);
  expect(bytes).toBeGreaterThan(HTTP.uploadBytes);
});

test.each([
  ['nginx.conf', Number(said('nginx.conf', /location \/objects\/ \{\s+client_max_body_size (\d+)m;/)) * MIB],
  ['haproxy.cfg', Number(said('haproxy.cfg', /is_huge \S+ gt (\d+)/))],
  ['Caddyfile', Number(said('Caddyfile', /request_body @links \{\s+max_size (\d+)GiB/)) * 1024 * MIB],
])('%s lets through files that a link was signed for', (_, bytes) =>
  expect(bytes).toBeGreaterThanOrEqual(OBJECT.uploadBytes),
);

test('they name variables that there are', () => {
  const known = new Set<string>(variableTable().map(({ name }) => name));
  for (const name of FILES) {
    const named = read(name).match(/\b(?:[A-Z]+_)+(?:BYTES|MS|ISSUER|PROXIES)\b/g) ?? [];
    expect({ name, unknown: named.filter((each) => !known.has(each)) }).toEqual({ name, unknown: [] });
  }
});

test('those that are data can be read, and gather nothing', () => {
  const kong = parse(read('kong.yaml')) as {
    services: {
      routes: { name: string; request_buffering: boolean; response_buffering: boolean; plugins?: { name: string }[] }[];
    }[];
  };
  for (const route of kong.services.flatMap(({ routes }) => routes))
    expect(route).toMatchObject({ request_buffering: false, response_buffering: false, preserve_host: true });
  const traefik = parse(read('traefik/tributary.yaml')) as {
    http: { routers: Record<string, { middlewares: string[] }>; middlewares: Record<string, object> };
  };
  const { routers, middlewares } = traefik.http;
  for (const { middlewares: used } of Object.values(routers))
    expect(used.filter((each) => !(each in middlewares))).toEqual([]);
  for (const name of ['open', 'signed-in']) expect(routers[name]!.middlewares[0]).toBe('nobody');
  expect(Object.values(middlewares).flatMap((each) => Object.keys(each))).not.toContain('buffering');
});
