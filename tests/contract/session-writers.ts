/**
 * A process with twenty writers to one session, for `sessions-killed.test.ts`: each appends batches under keys of its own, one after the
 * other, and writes a line for each that was acknowledged. Ends when all have written all, or one is refused.
 */
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { createPostgresDriver } from '#subgraphs/relational/drivers/postgres/index.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';

export const WRITERS = 20;

/** A line of the output. */
export interface Acknowledged {
  readonly writer: number;
  readonly batch: number;
  readonly sequences: readonly number[];
}

export interface Order {
  readonly url: string;
  readonly sessionId: string;
  /** How many batches each writer has to write in all. */
  readonly batches: number;
  /** The first batch of each writer that nobody has acknowledged. */
  readonly from: readonly number[];
}

export const CALLER = { tenantId: 't', subject: 'ann', roles: [], scopes: [] };

if (process.argv[2] !== undefined) {
  const { url, sessionId, batches, from } = JSON.parse(process.argv[2]) as Order;
  const postgres = new Postgres({ url });
  const driver = await createPostgresDriver(postgres);
  await Promise.all(
    from.map(async (first, writer) => {
      for (let batch = first; batch < batches; batch += 1) {
        const messages = Array.from({ length: (batch % 3) + 1 }, (_, part) => ({
          ...{ role: 'USER' as const, content: `${writer}/${batch}/${part}`, name: null },
          ...{ toolCalls: null, toolCallId: null, metadata: {}, tokens: 1 },
        }));
        const append = {
          sessionId,
          runId: null,
          messages,
          idempotencyKey: `${writer}/${batch}`,
          expectedSequence: null,
        };
        const kept = await driver.appendMessages(createRequestContext(CALLER), append);
        const line: Acknowledged = { writer, batch, sequences: kept.messages.map(({ sequence }) => sequence) };
        process.stdout.write(`${JSON.stringify(line)}\n`);
      }
    }),
  );
  await postgres.close();
}
