/** A Neo4j that is killed under load, and one whose password is exchanged under a running server. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import neo4j from 'neo4j-driver';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { wireTo, type Wire } from '#tests/e2e/wire.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { startNeo4j } from '#tests/stores/provision/neo4j.ts';
import type { Server } from '#tests/stores/provision/server.ts';
import { openWorkplace, type Workplace } from '#tests/stores/provision/workplace.ts';
import { ask, figure, p50, startWriters, STORE_CODES, type Answer } from './asking.ts';

const TIMEOUT_MS = 8_000;
const NEO4J = 'entities(where: { kind: { eq: "fixed" } }, first: 5) { edges { node { name } } }';
const OTHERS =
  'documents(first: 1) { edges { node { id } } } objects(first: 1) { edges { node { key } } } embed(input: ["a word"]) { dimensions }';
const UPSERT = 'mutation ($input: UpsertEntitiesInput!) { upsertEntities(input: $input) { entities { id } } }';

describe.skipIf(!process.env['TEST_NEO4J_URI'])('a Neo4j of its own', () => {
  const password = randomBytes(8).toString('hex');
  const figures: string[] = [];
  let workplace: Workplace;
  let store: Server;
  let wire: Wire;
  let server: TestServer;
  let file: string;
  const start = () => startNeo4j(workplace, join(workplace.data, 'neo4j'), password);
  const upsert = (name: string, kind: string) => ask(server.url, UPSERT, { input: { entities: [{ name, kind }] } });

  beforeAll(async () => {
    workplace = await openWorkplace(() => undefined);
    store = await start();
    wire = await wireTo(store.port);
    file = join(workplace.data, 'password');
    await writeFile(file, password);
    server = await startTestServer({
      NEO4J_URI: `bolt://127.0.0.1:${wire.port}`,
      NEO4J_PASSWORD_FILE: file,
      REQUEST_TIMEOUT_MS: String(TIMEOUT_MS),
      LOG_LEVEL: 'silent',
    });
    // A server that has just started makes its constraints slowly.
    for (let n = 0; n < 3; n++)
      await vi.waitFor(async () => expect((await upsert(`fixed-${n}`, 'fixed')).errors).toBeUndefined(), {
        timeout: 60_000,
      });
  }, 300_000);
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await wire?.[Symbol.asyncDispose]();
    await store?.close();
    await workplace?.close();
    console.log(['', ...figures, ''].join('\n'));
  });

  test('killed with SIGKILL and restarted under load: answers stay truthful, and every acknowledged write is there', async () => {
    const truth = (await ask(server.url, `{ ${NEO4J} }`)).data!['entities'];
    const others = (await ask(server.url, `{ ${OTHERS} }`)).data!;
    const latencyOfOthers = async (): Promise<number> => {
      const times: number[] = [];
      for (let n = 0; n < 10; n++) {
        const { data, errors, ms } = await ask(server.url, `{ ${OTHERS} }`);
        expect(errors).toBeUndefined();
        expect(data).toEqual(others);
        times.push(ms);
      }
      return p50(times);
    };
    const before = await latencyOfOthers();
    const load = startWriters(3, (value) => upsert(value, 'written'));
    const answers: Answer[] = [];
    let reading = true;
    const reader = (async () => {
      while (reading) answers.push(await ask(server.url, `{ ${NEO4J} ${OTHERS} }`));
    })();
    let [during, recovered] = [0, 0];
    try {
      await vi.waitFor(() => expect(load.acknowledged.length).toBeGreaterThan(20), { timeout: 30_000 });
      // Ends it with SIGKILL.
      await store.close();
      const killedAt = load.acknowledged.length;
      during = await latencyOfOthers();
      await vi.waitFor(() => expect(load.codes.size).toBeGreaterThan(0), { timeout: 30_000 });
      store = await start();
      wire.target = store.port;
      const restarted = performance.now();
      await vi.waitFor(() => expect(load.acknowledged.length).toBeGreaterThan(killedAt + 20), { timeout: 30_000 });
      recovered = performance.now() - restarted;
    } finally {
      reading = false;
      await Promise.all([load.stop(), reader]);
    }
    for (const { data, errors = [], ms } of answers) {
      expect(ms).toBeLessThan(TIMEOUT_MS + 5_000);
      expect({ ...data, entities: undefined }).toEqual({ ...others, entities: undefined });
      if (data!['entities'] === null) expect(STORE_CODES).toContain(errors[0]?.extensions.code);
      else expect(data!['entities']).toEqual(truth);
    }
    for (const code of load.codes) expect([...STORE_CODES, 'CONFLICT']).toContain(code);
    const driver = neo4j.driver(`bolt://127.0.0.1:${store.port}`, neo4j.auth.basic('neo4j', password));
    const { records } = await driver.executeQuery(`MATCH (e:TributaryEntity {kind: 'written'}) RETURN e.name AS name`);
    await driver.close();
    const kept = new Set(records.map((record) => record.get('name') as string));
    expect(load.acknowledged.filter((name) => !kept.has(name))).toEqual([]);
    const partial = answers.filter(({ data }) => data!['entities'] === null);
    expect(partial.length).toBeGreaterThan(0);
    figures.push(
      figure(
        'neo4j',
        `\`kill -9\`, restarted (${load.acknowledged.length} acknowledged writes, all kept)`,
        `${answers.length - partial.length} whole, ${partial.length} partial`,
        new Set(partial.flatMap(({ errors = [] }) => errors.map(({ extensions }) => extensions.code))),
        Math.max(...answers.map(({ ms }) => ms)),
        `${during.toFixed(1)} ms (${before.toFixed(1)} ms)`,
        `${Math.round(recovered)} ms`,
      ),
    );
  }, 240_000);

  test('a password that is exchanged is followed, and told of while it is not', async () => {
    const other = randomBytes(8).toString('hex');
    const driver = neo4j.driver(`bolt://127.0.0.1:${store.port}`, neo4j.auth.basic('neo4j', password));
    await driver.executeQuery(
      'ALTER CURRENT USER SET PASSWORD FROM $from TO $to',
      { from: password, to: other },
      { database: 'system' },
    );
    await driver.close();
    wire.snap();
    await vi.waitFor(
      async () => {
        const { errors } = await ask(server.url, `{ ${NEO4J} }`);
        expect(errors?.[0]?.extensions).toMatchObject({
          code: 'STORE_UNAVAILABLE',
          hint: expect.stringContaining('NEO4J_PASSWORD') as string,
        });
      },
      { timeout: 20_000, interval: 100 },
    );
    await writeFile(file, `${other}\n`);
    await vi.waitFor(async () => expect((await ask(server.url, `{ ${NEO4J} }`)).errors).toBeUndefined(), {
      timeout: 20_000,
      interval: 100,
    });
  }, 120_000);
});
