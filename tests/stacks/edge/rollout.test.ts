/** A rollout: three gateways behind HAProxy, replaced one after the other while runs are written and followed. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

import { NO_FAULTS } from '#tests/e2e/streams/compare.ts';
import { runSuite, type Fault } from '#tests/e2e/streams/suite.ts';

import type { StackProgram } from '../provision/of-debian.ts';
import { HAPROXY, startPlainHaproxy } from './drivers.ts';

const given = process.env[HAPROXY.variable];
const replaced: Fault = 'a gateway stopped with SIGTERM and started again';
const RUNS = 100;

/** HAProxy before these ports of this machine. */
async function front(ports: readonly number[]): Promise<{ url: string } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'tributary-rollout-'));
  const gateways = ports.map((port) => `127.0.0.1:${port}`);
  const { port, written, close } = await startPlainHaproxy(JSON.parse(given!) as StackProgram, { folder, gateways });
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      // Whom it took for gone, and whom it refused.
      const noted = (await written()).split('\n').filter((line) => !/"status":(?:[14]01|200|204),/.test(line));
      console.log(noted.slice(-60).join('\n'));
      await close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

describe.skipIf(!given)(`a rollout behind HAProxy (${HAPROXY.variable})`, () => {
  test('loses nothing, repeats nothing, and refuses no request', { timeout: 600_000 }, async () => {
    const report = await runSuite({
      runs: RUNS,
      events: 60,
      writers: 4,
      batch: 3,
      gateways: 3,
      faults: [replaced, replaced, replaced],
      deadlineMs: 540_000,
      topology: {
        // Connections that HAProxy makes are of one address; three of its looks.
        env: { TRUSTED_PROXIES: '127.0.0.1', SHUTDOWN_DELAY_MS: '4000' },
      },
      front,
      log: console.log,
    });
    const { lost, duplicated, outOfOrder, invented, wrongLogs, wrongEndings, refusedByAgUi, examples } = report;
    console.log(JSON.stringify({ readers: report.readers, writing: report.writing }));
    expect({ lost, duplicated, outOfOrder, invented, wrongLogs, wrongEndings, refusedByAgUi, examples }).toEqual({
      ...NO_FAULTS,
      refusedByAgUi: 0,
      examples: [],
    });
    // Who asks and is answered noticed nothing at all.
    expect(report.writing).toMatchObject({ retries: 0, reasons: {} });
    expect(report.readers.find(({ way }) => way === 'paging')).toMatchObject({ resumes: 0, reasons: {} });
    // Sockets were told to resume; there were some on each gateway.
    const socket = report.readers.find(({ way }) => way.startsWith('WebSocket (graphql-ws)'))!;
    expect(Object.keys(socket.reasons)).toEqual(['closed with 4499']);
    expect(socket.resumes).toBeGreaterThanOrEqual(RUNS / 3);
  });
});
