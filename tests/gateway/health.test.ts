import { request } from 'node:http';
import { describe, expect, test } from 'vitest';
import type { StoreHealth } from '#subgraphs/shared/subgraph.ts';
import { librarySubgraph, Library, startTestServer } from './fixture.ts';

const get = (
  url: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; json: Record<string, unknown> }> =>
  new Promise((resolve, reject) => {
    request(url, { headers }, (response) => {
      let body = '';
      response
        .on('data', (chunk: Buffer) => (body += chunk.toString()))
        .on('end', () => resolve({ status: response.statusCode!, json: JSON.parse(body) as Record<string, unknown> }));
    })
      .on('error', reject)
      .end();
  });

describe('health', () => {
  test('a store that is down is named and does not make the server unready; a probe that hangs or fails is itself a finding', async () => {
    const probed = (name: string, health: () => Promise<StoreHealth[]>) => async () => ({
      ...librarySubgraph(new Library()),
      name,
      health,
    });
    await using it = await startTestServer(
      {},
      {
        subgraphs: {
          library: probed('library', async () => [
            { store: 'postgres', state: 'down', detail: 'PostgreSQL cannot be reached.' },
          ]),
          reviews: probed('reviews', () => Promise.reject(new Error('password=hunter2'))),
          third: probed('third', () => new Promise(() => undefined)),
        },
      },
    );
    const { status, json } = await get(`${it.url}/health/ready`);
    expect(status).toBe(200);
    expect(json).toMatchObject({
      status: 'ready',
      degraded: true,
      stores: {
        library: [{ store: 'postgres', state: 'down', detail: 'PostgreSQL cannot be reached.' }],
        reviews: [{ store: 'reviews', state: 'down', detail: 'The probe failed.' }],
        third: [{ store: 'third', state: 'down' }],
      },
    });
    expect(JSON.stringify(json)).not.toContain('hunter2');
  });

  test("whoever does not know the server's name learns only whether it is ready", async () => {
    await using it = await startTestServer();
    expect(await get(`${it.url}/health/ready`, { host: '10.0.0.7:4000' })).toEqual({
      status: 200,
      json: { status: 'ready' },
    });
    expect(await get(`${it.url}/health/live`, { host: '10.0.0.7:4000' })).toEqual({
      status: 200,
      json: { status: 'ok' },
    });
  });

  test('until start-up has finished it is not ready, and operations are told to wait', async () => {
    let url = '';
    let begin = (): void => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    const starting = startTestServer(
      { PORT: '0' },
      {
        subgraphs: {
          library: async (deps) => {
            url = deps.publicBaseUrl();
            // The port is known once the server listens; until then the URL ends in the port asked for.
            while (url.endsWith(':0')) {
              await new Promise((resolve) => setImmediate(resolve));
              url = deps.publicBaseUrl();
            }
            begin();
            await finished;
            return librarySubgraph(new Library());
          },
          reviews: async () => ({ ...librarySubgraph(new Library()), name: 'reviews' }),
        },
      },
    );
    await begun;
    const live = await get(`${url}/health/live`);
    expect(live.status).toBe(200);
    expect(await get(`${url}/health/ready`)).toMatchObject({ status: 503, json: { status: 'starting' } });
    const early = await get(`${url}/graphql?query=%7B__typename%7D`);
    expect(early).toMatchObject({ status: 503, json: { errors: [{ extensions: { code: 'SUBGRAPH_UNAVAILABLE' } }] } });
    finish();
    await using it = await starting;
    expect((await get(`${it.url}/health/ready`)).status).toBe(200);
  });
});
