/** What does not keep to a protocol: messages out of order, things of the wrong type, requests that are none. */
import type { Random } from '#tests/engine/random/random.ts';
import { garble } from './garble.ts';
import type { HttpCase, RawCase, Says, SocketCase } from './case.ts';
import { hostileJson, hostileText, PROTOTYPE_NAMES } from './values.ts';

const SAYS: readonly Says[] = ['all', 'all', 'all', 'reader', 'nobody', 'wrong'];
export const says = (random: Random): Says => random.pick(SAYS);

const TYPES = ['connection_init', 'subscribe', 'complete', 'ping', 'pong', 'next', 'error', 'connection_ack', 'start', 'stop', 'connection_terminate', ...PROTOTYPE_NAMES] as const; // prettier-ignore

/** Characters of all messages of a case together, about. */
const MOST_CHARACTERS = 1_000_000;

/** @returns at most `count` of them: none after they come to so many characters */
function several(count: number, make: () => string): string[] {
  const made: string[] = [];
  for (let length = 0; made.length < count && length < MOST_CHARACTERS; length += made.at(-1)!.length)
    made.push(make());
  return made;
}

/** Messages of `graphql-transport-ws`, mostly begun as they should be and then not. */
export function makeSocket(random: Random, operation: () => string): SocketCase {
  const id = (): string => random.pick(['"1"', '"1"', '"2"', '""', '1', 'null', '"__proto__"', JSON.stringify(hostileText(random).slice(0, 3_000))]); // prettier-ignore
  const message = (): string => {
    switch (random.below(8)) {
      case 0:
        return hostileJson(random);
      case 1:
        return hostileText(random);
      case 2:
        return garble(`{"type":"subscribe","id":"1","payload":${operation()}}`, random);
      case 3:
        return `{"type":${JSON.stringify(random.pick(TYPES))},"id":${id()},"payload":${hostileJson(random)}}`;
      case 4:
        return `{"type":"complete","id":${id()}}`;
      case 5:
        return `{"type":${JSON.stringify(random.pick(TYPES))}}`;
      default:
        return `{"type":"subscribe","id":${id()},"payload":${operation()}}`;
    }
  };
  const begins = random.chance(0.85);
  const init = random.chance(0.9) ? '{"type":"connection_init"}' : `{"type":"connection_init","payload":${hostileJson(random)}}`; // prettier-ignore
  return {
    kind: 'socket',
    protocols: random.chance(0.9)
      ? ['graphql-transport-ws']
      : random.pick([['graphql-ws'], [], ['mcp'], ['a', 'b', 'c']]),
    messages: [...(begins ? [init] : []), ...several(random.pick([1, 2, 5, 20, 120]), message)],
    awaits: begins && random.chance(0.8),
    ...(random.chance(0.05) && { isBinary: true }),
    vanishes: random.chance(0.4),
    says: says(random),
  };
}

const METHODS = ['initialize', 'tasks/get', 'tasks/cancel', 'tasks/result', 'tasks/list', 'tasks/update', 'tools/list', 'tools/call', 'ping', 'resources/list', 'resources/templates/list', 'resources/read', 'server/discover', 'subscriptions/listen', 'prompts/list', 'notifications/initialized', 'notifications/cancelled', 'completion/complete', 'logging/setLevel', 'constructor', '__proto__', '']; // prettier-ignore
const TOOLS = [
  'execute',
  'search_schema',
  'describe',
  'validate',
  'search',
  'mutate',
  'run_events',
  'list_runs',
  'toString',
  '__proto__',
  '',
];

const ENVELOPE =
  '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"f","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}';

/** JSON-RPC to the MCP endpoint. */
export function makeMcp(random: Random, operation: () => string): HttpCase {
  const call = (): string => {
    const args = random.pick([
      () => operation(),
      () => `{"query":${JSON.stringify(hostileText(random))},"text":${JSON.stringify(hostileText(random))}}`,
      () => hostileJson(random),
      () => `{"name":${JSON.stringify(hostileText(random).slice(0, 600))},"limit":${hostileJson(random)}}`,
      () => `{"runId":"%id:${random.below(200)}%","after":${hostileJson(random)},"first":${hostileJson(random)}}`,
    ])();
    return `{"name":${JSON.stringify(random.pick(TOOLS))},"arguments":${args}}`;
  };
  // Of the revision whose messages carry all that they need; and headers that say the same, or not.
  const current = random.chance(0.4);
  const message = (): string => {
    const id = random.pick(['1', '1', '"1"', 'null', '{}', '1e400', '[]']);
    const uri = (): string =>
      `{"uri":${JSON.stringify(`tributary://${random.pick(['schema', 'documents/', 'objects/', 'runs/', ''])}${hostileText(random).slice(0, 600)}`)}}`;
    const given = random.chance(0.6) ? call() : random.chance(0.3) ? uri() : hostileJson(random);
    const params = current && given.startsWith('{"') ? `{${ENVELOPE},${given.slice(1)}` : given;
    const method = random.chance(0.6) ? 'tools/call' : random.pick(METHODS);
    const whole = `{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)},"params":${params}}`;
    return random.chance(0.15) ? garble(whole, random) : whole;
  };
  const body = random.chance(0.75) ? message() : `[${several(random.pick([0, 2, 9, 11, 300]), message).join(',')}]`; // prettier-ignore
  return {
    kind: 'http',
    method: random.chance(0.92) ? 'POST' : random.pick(['GET', 'DELETE', 'PUT', 'OPTIONS']),
    path: '/mcp',
    headers: {
      'content-type': random.chance(0.9) ? 'application/json' : contentType(random),
      accept: random.chance(0.9) ? 'application/json, text/event-stream' : random.pick(['*/*', 'text/html', '']),
      ...(current && {
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': random.chance(0.8) ? 'tools/call' : random.pick(METHODS),
        ...(random.chance(0.8) && { 'mcp-name': random.pick(TOOLS) }),
      }),
      ...(random.chance(0.3) && {
        'mcp-protocol-version': random.pick(['2025-06-18', '2026-07-28', '1', hostileHeader(random)]),
      }),
      ...(random.chance(0.15) && { 'mcp-session-id': hostileHeader(random) }),
      ...(random.chance(0.1) && { 'last-event-id': hostileHeader(random) }),
    },
    body,
    says: says(random),
  };
}

const contentType = (random: Random): string =>
  random.pick(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'multipart/form-data; boundary=', 'multipart/form-data; boundary=x', 'application/graphql', 'application/json; charset=utf-16', 'application/json;charset=latin1', 'APPLICATION/JSON', 'application/graphql-response+json', 'json', '/', ';;;', 'application/json, text/plain']); // prettier-ignore

const hostileHeader = (random: Random): string =>
  random.pick([
    ...PROTOTYPE_NAMES,
    '*',
    'a'.repeat(6_000),
    '%00',
    '"',
    '\\',
    ',,,',
    '=;=',
    'q=',
    '0',
    '-1',
    '1e9',
    'é',
    'a b c',
  ]);

const HEADERS = ['accept', 'accept-encoding', 'content-encoding', 'content-type', 'x-request-id', 'traceparent', 'origin', 'range', 'if-none-match', 'x-tributary-trace', 'apollographql-client-name', 'x-forwarded-for', 'expect', 'x-api-key', 'cookie', 'last-event-id', 'sec-fetch-site', 'upgrade', 'apollo-require-preflight', 'authorization', 'accept-language']; // prettier-ignore
const PATHS = ['/graphql', '/graphql', '/graphql?', '/graphql?query=', '/graphql?query={__typename}&query={__typename}', '/graphql?variables=%7B', '/graphql?extensions=[]&query={a}', '/graphql/', '//graphql', '/GRAPHQL', '/', '/health/ready', '/health/live', '/runs/%id:3%/events', '/runs/x/events?after=-1', '/objects/a', '/objects/..%2f..%2fetc', '/objects/%00', '/%', '/%ff', '/__proto__', '/constructor', '/.well-known/oauth-protected-resource', '/.well-known/oauth-protected-resource/mcp', '/.well-known/', '/mcp', '/agents/tools', '/agents/tools?format=__proto__', '/agents/tools/execute', '/agents/tools/search', '/agents/tools/constructor', '/agents/tools/%00', '/agents/openapi.json', '/documents/x', '/graphiql', '/favicon.ico', `/${'a'.repeat(6_000)}`, '/graphql?query=%7B__typename%7D%00', '/graphql?doc_id=__proto__', '/graphql?documentId=constructor']; // prettier-ignore

/** A request of HTTP with something that does not belong in it. */
export function makeHttp(random: Random, operation: () => string): HttpCase {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  for (let count = random.below(4); count > 0; count--) headers[random.pick(HEADERS)] = hostileHeader(random);
  if (random.chance(0.4)) headers['content-type'] = contentType(random);
  if (random.chance(0.15)) headers['accept'] = random.pick(['text/event-stream', 'multipart/mixed', 'multipart/mixed;subscriptionSpec=1.0', 'text/html', 'application/graphql-response+json', 'text/event-stream;q=0, */*;q=abc', 'a'.repeat(4_000)]); // prettier-ignore
  if (random.chance(0.08))
    headers['content-encoding'] = random.pick(['gzip', 'br', 'deflate', 'zstd', 'gzip, gzip, gzip', 'identity', '*']);
  const method = random.pick(['POST', 'POST', 'POST', 'GET', 'PUT', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH', 'TRACE']);
  const body = random.pick([
    () => hostileJson(random),
    () => garble(operation(), random),
    () => `[${several(random.pick([0, 1, 3, 12]), operation).join(',')}]`,
    () => operation(),
    () => hostileText(random),
    () =>
      `--x\r\nContent-Disposition: form-data; name="${random.pick(['operations', 'map', '0', '__proto__'])}"\r\n\r\n${hostileJson(random)}\r\n--x--`,
    () =>
      `{"query":${hostileJson(random)},"variables":${hostileJson(random)},"operationName":${hostileJson(random)},"extensions":${hostileJson(random)}}`,
    () =>
      `{"extensions":{"persistedQuery":{"version":${hostileJson(random)},"sha256Hash":${hostileJson(random)}}},"query":"{__typename}"}`,
  ])();
  return {
    kind: 'http',
    method,
    path: random.pick(method === 'POST' ? ['/graphql', '/graphql', '/graphql', ...PATHS] : PATHS),
    headers,
    ...(!['GET', 'HEAD', 'TRACE', 'OPTIONS'].includes(method) && { body }),
    says: says(random),
  };
}

/** Bytes that are not quite HTTP, or not quite a WebSocket. */
export function makeRaw(random: Random, operation: () => string): RawCase {
  const body = Buffer.from(operation()).toString('latin1');
  const head = (...lines: string[]): string =>
    ['POST /graphql HTTP/1.1', 'Host: localhost', 'Content-Type: application/json', ...lines, '', ''].join('\r\n');
  const upgrade = ['GET /graphql HTTP/1.1', 'Host: localhost', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Protocol: graphql-transport-ws', '', ''].join('\r\n'); // prettier-ignore
  const noise = Array.from({ length: 1 + random.below(60) }, () => String.fromCharCode(random.below(256))).join('');
  return {
    kind: 'raw',
    parts: random.pick<() => string[]>([
      () => [head(`Content-Length: ${body.length + 100}`), body],
      () => [head(`Content-Length: ${Math.max(0, body.length - 5)}`), body],
      () => [head('Content-Length: 5', `Content-Length: ${body.length}`), body],
      () => [
        head('Transfer-Encoding: chunked', 'Content-Length: 4'),
        `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
      ],
      () => [head('Transfer-Encoding: chunked'), 'ffffffffffffffff\r\n', body],
      () => [head('Transfer-Encoding: chunked'), '1;ext=é\r\n{\r\n', 'zz\r\n'],
      () => [
        head('Transfer-Encoding: chunked'),
        ...[...body.slice(0, 60)].map((character) => `1\r\n${character}\r\n`),
        '0\r\n\r\n',
      ],
      () => [head(`Content-Length: ${body.length}`).repeat(3), body],
      () => [
        head(`Content-Length: ${body.length}`) +
          body +
          head(`Content-Length: ${body.length}`) +
          body +
          head(`Content-Length: ${body.length}`),
      ],
      () => [head('Expect: 100-continue', `Content-Length: ${body.length}`)],
      () => [`GET /graphql?query=${'%7B'.repeat(3_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`],
      () => [`GET /graphql HTTP/1.1\r\n${'X-A: b\r\n'.repeat(3_000)}\r\n`],
      () => ['GET /graphql HTTP/1.1\r\nHost: localhost\r\nHost: example.com\r\n\r\n'],
      () => [noise, noise],
      () => [upgrade, noise],
      // An unmasked text frame, a frame that promises 2^63 bytes, a control frame that is too long, a continuation of nothing.
      () => [upgrade, `\x81\x05hello`],
      () => [upgrade, `\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00`],
      () => [upgrade, `\x89\xfe\x00\x80\x00\x00\x00\x00${'p'.repeat(128)}`],
      () => [upgrade, `\x80\x85\x00\x00\x00\x00hello`, noise],
      () => [upgrade, `\xc1\x85\x00\x00\x00\x00hello`],
    ])(),
  };
}
