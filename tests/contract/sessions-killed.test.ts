/** What was acknowledged to writers of a session is there, once, whoever is killed: the process that writes, or PostgreSQL. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { startEmbeddedPostgres } from '#ops/embedded/postgres.ts';
import { createPostgresDriver } from '#subgraphs/relational/drivers/postgres/index.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { cleanEnvironment } from '#tests/ops/program.ts';
import { CALLER, WRITERS, type Acknowledged, type Order } from './session-writers.ts';

const BATCHES = 12;
const PROGRAM = fileURLToPath(new URL('session-writers.ts', import.meta.url));

test(
  'kill -9 of the writing process and of PostgreSQL loses nothing that was acknowledged, and leaves no gap',
  { timeout: 120_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tributary-sessions-'));
    const dataDir = join(folder, 'postgres');
    let server = await startEmbeddedPostgres({ dataDir });
    try {
      const begun = new Postgres({ url: server.url });
      const driver = await createPostgresDriver(begun);
      const session = { agentId: null, userId: 'ann', title: null, metadata: {}, idempotencyKey: null };
      const { id: sessionId } = await driver.createSession(createRequestContext(CALLER), session);
      await begun.close();

      const acknowledged = new Map<string, readonly number[]>();
      const from = Array.from({ length: WRITERS }, () => 0);
      /** @param kill what is done once so many more were acknowledged. @returns how the process ended */
      const write = async (kill?: { after: number; what: (pid: number) => void }): Promise<number | null> => {
        const order: Order = { url: server.url, sessionId, batches: BATCHES, from };
        const child = spawn(process.execPath, ['--import', 'tsx', PROGRAM, JSON.stringify(order)], {
          env: cleanEnvironment({}),
          stdio: ['ignore', 'pipe', 'ignore'],
        });
        const gone = once(child, 'close');
        try {
          let more = 0;
          for await (const line of createInterface(child.stdout)) {
            const { writer, batch, sequences } = JSON.parse(line) as Acknowledged;
            acknowledged.set(`${writer}/${batch}`, sequences);
            from[writer] = batch + 1;
            if ((more += 1) === kill?.after) kill.what(child.pid!);
          }
          return ((await gone) as [number | null])[0];
        } finally {
          child.kill('SIGKILL');
        }
      };

      const total = WRITERS * BATCHES;
      expect(
        await write({ after: Math.floor(total / 4), what: (pid) => void process.kill(pid, 'SIGKILL') }),
      ).toBeNull();
      expect(
        await write({ after: Math.floor(total / 4), what: () => void process.kill(server.pid, 'SIGKILL') }),
      ).not.toBe(0);
      await server.exited;
      await server.close();
      server = await startEmbeddedPostgres({ dataDir });
      expect(acknowledged.size).toBeLessThan(total);
      // What was sent and not acknowledged is sent again, under its key.
      expect(await write()).toBe(0);
      expect(acknowledged.size).toBe(total);

      const read = new Postgres({ url: server.url });
      const rows = await read.read<{ sequence: number; content: string }>(createRequestContext(CALLER), {
        sql: 'SELECT sequence, content FROM relational.messages WHERE session_id = $1 ORDER BY sequence',
        parameters: [sessionId],
      });
      await read.close();
      expect(rows.map(({ sequence }) => sequence)).toEqual(rows.map((_, index) => index + 1));
      const kept = new Map(rows.map(({ sequence, content }) => [content, sequence]));
      expect(kept.size).toBe(rows.length);
      for (const [key, sequences] of acknowledged)
        expect(sequences.map((_, part) => kept.get(`${key}/${part}`))).toEqual(sequences);
      expect(rows).toHaveLength([...acknowledged.values()].flat().length);
    } finally {
      await server.close();
      await rm(folder, { recursive: true, force: true });
    }
  },
);
