import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { as, finished, piece, runsDriverContract } from './runs-driver.ts';
import { openPostgresStore } from './runs-postgres-store.ts';

runsDriverContract('runs on PostgreSQL', openPostgresStore);

describe('what the database itself refuses', () => {
  let store: Awaited<ReturnType<typeof openPostgresStore>>;
  let client: pg.Client;
  let id: string;
  beforeAll(async () => {
    store = await openPostgresStore();
    const { driver } = await store.replica();
    id = (await driver.start(as('t'), {})).id;
    await driver.append(as('t'), { runId: id, events: [piece(1)] });
    const ended = (await driver.start(as('t'), {})).id;
    await driver.append(as('t'), { runId: ended, events: [finished] });
    client = new pg.Client(store.url);
    await client.connect();
  });
  afterAll(async () => {
    await client?.end();
    await store?.close();
  });
  const insert = (values: string) =>
    `INSERT INTO runs.run_events (tenant_id, run_id, sequence, type, payload, actor, created_at) VALUES ${values}`;
  const row = (sequence: number, type = 'CUSTOM', run = '$run') =>
    `('t', '${run}', ${sequence}, '${type}', '{}', 'x', now())`;

  test.each([
    ['a hole in a log', insert(row(4)), /do not follow/],
    ['a hole within an append', insert(`${row(3)}, ${row(5)}`), /do not follow/],
    ['an event behind the terminal one', insert(`${row(3, 'RUN_FINISHED')}, ${row(4)}`), /do not follow/],
    ['two terminal events', insert(`${row(3, 'RUN_ERROR')}, ${row(4, 'RUN_FINISHED')}`), /run_events_first_terminal/],
    ['a second RUN_STARTED', insert(row(3, 'RUN_STARTED')), /violates check/],
    [
      'an event of an ended run',
      `${insert("('t', (SELECT id FROM runs.runs WHERE finished_at IS NOT NULL), 3, 'CUSTOM', '{}', 'x', now())")}`,
      /do not follow/,
    ],
    ['an unknown status', `UPDATE runs.runs SET status = 'LOST' WHERE id = '$run'`, /violates check|does not/],
    [
      'an end without a terminal event',
      `UPDATE runs.runs SET status = 'SUCCEEDED', finished_at = now() WHERE id = '$run'`,
      /does not say/,
    ],
    [
      'a way back to the queue',
      `UPDATE runs.runs SET status = 'QUEUED', started_at = NULL, last_sequence = 0 WHERE id = '$run'`,
      /cannot/,
    ],
    ['a last sequence that the log lacks', `UPDATE runs.runs SET last_sequence = 9 WHERE id = '$run'`, /does not say/],
    [
      "a change of an ended run's status",
      `UPDATE runs.runs SET status = 'FAILED' WHERE finished_at IS NOT NULL`,
      /has ended/,
    ],
  ])('%s', async (_name, sql, message) => {
    await expect(client.query(sql.replaceAll('$run', id))).rejects.toThrow(message);
  });

  test('changing or removing events, as a tenant', async () => {
    await client.query(`BEGIN; SET LOCAL ROLE tributary_tenant; SELECT set_config('app.tenant_id', 't', true)`);
    await expect(client.query(`UPDATE runs.run_events SET payload = '{}'`)).rejects.toThrow(/permission denied/);
    await client.query('ROLLBACK');
    await client.query(`BEGIN; SET LOCAL ROLE tributary_tenant; SELECT set_config('app.tenant_id', 't', true)`);
    await expect(client.query(`DELETE FROM runs.run_events`)).rejects.toThrow(/permission denied/);
    await client.query('ROLLBACK');
  });
});
