/** What an operation did to subgraphs and stores is told to whoever may know it, on every transport. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type GraphqlAnswer, type TestServer } from './fixture.ts';
import { startIssuer, type Issuer } from './issuer.ts';
import { AGENT_WAYS, WAYS_IN } from './ways-in.ts';

const OVER_TWO_SUBGRAPHS = '{ book(id: "1") { title stars } }';
const STREAMED = Object.entries(WAYS_IN).filter(([way]) => !AGENT_WAYS.includes(way));

interface Trace {
  planMs: number;
  durationMs: number;
  plan: { kind: string; nodes: { kind: string; service: string; ran: boolean }[] };
  statements: object;
}
const traceOf = ({ extensions }: GraphqlAnswer): Trace | undefined => (extensions as { trace?: Trace })?.trace;

describe('in development mode', () => {
  let it: TestServer;
  beforeAll(async () => void (it = await startTestServer()));
  afterAll(async () => await it[Symbol.asyncDispose]());

  test.each(STREAMED)('%s: everybody may ask for a trace', async (_, send) => {
    const { answer } = await send(it.url, { query: OVER_TWO_SUBGRAPHS, extensions: { trace: true } });
    expect(answer.data).toEqual({ book: { title: 'The Left Hand of Darkness', stars: 5 } });
    const { plan, ...times } = traceOf(answer)!;
    expect(plan).toMatchObject({
      kind: 'Sequence',
      nodes: [
        { kind: 'Fetch', ran: true },
        { kind: 'Fetch', path: 'book', objects: 1, ran: true },
      ],
    });
    expect(new Set(plan.nodes.map(({ service }) => service)).size).toBe(2);
    expect(times).toEqual({ planMs: expect.any(Number), durationMs: expect.any(Number), statements: {} });
  });

  test('by a header as well; without either there is none', async () => {
    const traced = await it.post({ query: OVER_TWO_SUBGRAPHS }, { 'x-tributary-trace': 'true' });
    expect(traceOf(traced.json)).toMatchObject({ plan: { kind: 'Sequence' } });
    for (const headers of [undefined, { 'x-tributary-trace': 'false' }]) {
      const { json } = await it.post({ query: OVER_TWO_SUBGRAPHS }, headers);
      expect(json).not.toHaveProperty('extensions');
    }
  });

  test('one for what is refused says so', async () => {
    const { json } = await it.post({ query: '{ nothing }' }, { 'x-tributary-trace': 'true' });
    expect(json.errors).toMatchObject([{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }]);
  });
});

describe('behind an issuer', () => {
  let issuer: Issuer;
  let it: TestServer;
  beforeAll(async () => {
    issuer = await startIssuer();
    it = await startTestServer({ OIDC_ISSUER: issuer.url, OIDC_AUDIENCE: 'tributary' });
  });
  afterAll(async () => {
    await it[Symbol.asyncDispose]();
    await issuer[Symbol.asyncDispose]();
  });

  test.each(STREAMED)('%s: it takes the scope', async (_, send) => {
    const parameters = { query: OVER_TWO_SUBGRAPHS, extensions: { trace: true } };
    const bearer = async (scope: string) => `Bearer ${await issuer.token({ tenant: 'acme', scope })}`;
    const { answer: refused } = await send(it.url, parameters, await bearer('read tracer'));
    expect(refused.errors).toMatchObject([
      { extensions: { code: 'FORBIDDEN', hint: expect.stringContaining('TRACE_SCOPE') as string } },
    ]);
    expect(refused.data ?? null).toBeNull();
    const { answer } = await send(it.url, parameters, await bearer('read trace'));
    expect(traceOf(answer)).toMatchObject({ plan: { kind: 'Sequence' } });
  });
});
