/** Facts that were acknowledged are found by meaning, every one of them, though the gateway was killed while they were on their way to the vector store. */
import { expect, test, vi } from 'vitest';
import { post } from '../contract/clients.ts';
import { query, startTopology } from './topology.ts';

const REMEMBER = 'mutation ($input: RememberFactInput!) { rememberFact(input: $input) { fact { id } } }';
const FOUND = `query ($after: String) {
  memoryFacts(
    where: { similarTo: { query: "at which berth does a boat lie?", minScore: -1 } }, orderBy: [{ field: SIMILARITY }], first: 100, after: $after
  ) { nodes { id value } pageInfo { hasNextPage endCursor } }
}`;

test('kill -9 while facts are delivered loses none of them', { timeout: 180_000 }, async () => {
  await using topology = await startTopology(1);
  const [url] = topology.urls as [string];
  const pending = async (): Promise<number> => {
    const { rows } = await query(
      topology.databaseUrl,
      `SELECT count(*)::int AS count FROM relational.outbox WHERE state <> 'DONE'`,
    );
    return rows[0]!['count'] as number;
  };
  const acknowledged = new Map<string, string>();
  // Each ends where the gateway does.
  const writers = Array.from({ length: 8 }, async (_, writer) => {
    for (let at = 0; ; at += 1) {
      const value = `The boat ${writer}-${at} lies at berth ${at}.`;
      const { data } = await post(url, REMEMBER, { input: { key: `boat ${writer}-${at}`, value } });
      acknowledged.set(data!['rememberFact'].fact.id as string, value);
    }
  }).map((writing) => writing.catch(() => undefined));
  await vi.waitFor(() => expect(acknowledged.size).toBeGreaterThan(60), { timeout: 60_000, interval: 5 });
  const killed = topology.killGateway(0);
  // Some are on their way, or nothing is proved.
  expect(await pending()).toBeGreaterThan(0);
  await Promise.all([killed, ...writers]);
  // What the killed one had leased is due when its leases end, which is not waited for.
  await query(topology.databaseUrl, `UPDATE relational.outbox SET lease_until = now() WHERE lease_until > now()`);

  await vi.waitFor(async () => expect(await pending()).toBe(0), { timeout: 90_000, interval: 200 });
  const found = new Map<string, string>();
  for (let after: string | null = null, more = true; more;) {
    const { data, errors } = await post(url, FOUND, { after });
    expect(errors).toBeUndefined();
    const { nodes, pageInfo } = data!['memoryFacts'];
    for (const { id, value } of nodes as { id: string; value: string }[]) found.set(id, value);
    after = pageInfo.endCursor as string;
    more = pageInfo.hasNextPage as boolean;
  }
  for (const [id, value] of acknowledged) expect(found.get(id)).toBe(value);
});
