/** Times reads, and says which indexes they used and how much of them they read. */
import type { Client } from 'pg';
import neo4j, { type ProfiledPlan } from 'neo4j-driver';
import type { GraphDriver } from '#subgraphs/graph/driver.ts';
import { neo4jReads } from '#subgraphs/graph/drivers/neo4j/reads.ts';
import type { Neo4jOptions } from '#subgraphs/shared/neo4j/neo4j.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { contextOf, type Read } from './reads.ts';

/** What one run of a read did in the store. */
export type Plan = (read: Read) => Promise<string>;

export interface Figure {
  readonly name: string;
  readonly tenant: string;
  readonly found: number;
  readonly p50: number;
  readonly p99: number;
  readonly plan: string;
}

export async function measure(reads: readonly Read[], rounds: number, plan: Plan): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const read of reads) {
    const context = () => contextOf(read.tenant);
    for (let round = 0; round < 10; round += 1) await read.run(context(), rounds + round);
    const times: number[] = [];
    let found = 0;
    for (let round = 0; round < rounds; round += 1) {
      const began = performance.now();
      found += await read.run(context(), round);
      times.push(performance.now() - began);
    }
    times.sort((a, b) => a - b);
    const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))]!;
    figures.push({
      name: read.name,
      tenant: read.tenant,
      found: found / rounds,
      p50: at(0.5),
      p99: at(0.99),
      plan: await plan(read),
    });
  }
  return figures;
}

interface Counter {
  readonly name: string;
  readonly scans: string;
  readonly read: string;
}

/** From the server's own counters: every index that was scanned, and every table that was read without one. */
export function postgresPlan(admin: Client, postgres: Postgres): Plan {
  const counters = async (): Promise<Map<string, [number, number]>> => {
    // Backends report once in a while; the one that has just answered, which is the one that answers next, is to do so
    // now.
    await postgres.read(contextOf('nobody'), { sql: 'SELECT pg_stat_force_next_flush()', parameters: [] });
    await admin.query('SELECT pg_stat_clear_snapshot()');
    const { rows } = await admin.query<Counter>(`
      SELECT indexrelname AS name, idx_scan AS scans, idx_tup_read AS read FROM pg_stat_user_indexes
      UNION ALL SELECT 'ALL OF ' || relname, seq_scan, seq_tup_read FROM pg_stat_user_tables`);
    return new Map(rows.map(({ name, scans, read }) => [name, [Number(scans), Number(read)]]));
  };
  return async (read) => {
    const before = await counters();
    await read.run(contextOf(read.tenant), 1);
    const after = await counters();
    const used = [...after].flatMap(([name, [scans, entries]]) => {
      const [scansBefore, entriesBefore] = before.get(name) ?? [0, 0];
      // A tenant has a row for each of its collections, which no index finds sooner.
      return scans > scansBefore && name !== 'ALL OF collections' ? [`${name} (${entries - entriesBefore})`] : [];
    });
    return used.join(', ');
  };
}

const SCANS = /Index|Scan/;

/** Runs the read's own statements once more under PROFILE. */
export function neo4jPlan(
  { uri, username, password }: Neo4jOptions,
  readsOf: (driver: GraphDriver) => readonly Read[],
): Plan {
  return async ({ name, tenant }) => {
    const driver = neo4j.driver(uri, neo4j.auth.basic(username, password as string), { disableLosslessIntegers: true });
    const seen: string[] = [];
    const profiled = neo4jReads(async (context, work) =>
      work(async <Row>(cypher: string, parameters: Record<string, unknown> = {}) => {
        const { records, summary } = await driver.executeQuery(`PROFILE ${cypher}`, {
          ...parameters,
          tenantId: context.principal.tenantId,
        });
        const operators = (plan: ProfiledPlan): ProfiledPlan[] => [plan, ...plan.children.flatMap(operators)];
        const all = operators(summary.profile as ProfiledPlan);
        const scans = new Set(
          all
            .filter(({ operatorType }) => SCANS.test(operatorType))
            .map(({ operatorType }) => operatorType.replace(/@.*/, '')),
        );
        seen.push(`${[...scans].join(', ')} (${all.reduce((sum, { dbHits }) => sum + dbHits, 0)} hits)`);
        return records.map((record) => record.toObject() as Row);
      }),
    ) as GraphDriver;
    await readsOf(profiled)
      .find((read) => read.name === name && read.tenant === tenant)!
      .run(contextOf(tenant), 1);
    await driver.close();
    return seen.join('; ');
  };
}

/** A table in Markdown. */
export function printed(title: string, figures: readonly Figure[]): string {
  const rows = figures.map(
    ({ name, tenant, found, p50, p99, plan }) =>
      `| ${name} | ${tenant} | ${found.toFixed(1)} | ${p50.toFixed(1)} | ${p99.toFixed(1)} | ${plan} |`,
  );
  return [
    `\n### ${title}\n`,
    '| read | tenant | found | p50 ms | p99 ms | indexes, and entries read |',
    '| --- | --- | ---: | ---: | ---: | --- |',
    ...rows,
  ].join('\n');
}
