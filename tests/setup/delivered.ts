/** Waiting for the stores that follow the documents. */
import { parse } from 'graphql';
import { expect, vi } from 'vitest';
import { DEVELOPER } from '#gateway/auth/authenticator.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import type { TestServer } from './server.ts';

/**
 * Waits until all stores have what was written, whoever delivers it.
 * @param failed how many deliveries a test has made wait for a retry
 */
export async function delivered({ services }: TestServer, failed = 0): Promise<void> {
  await vi.waitFor(
    async () => {
      const context = createRequestContext({ ...DEVELOPER, system: true });
      const { data } = await services.clients.get('relational')!.execute({
        document: parse('{ outboxStatus { pending failed } }'),
        operationType: 'query',
        variables: {},
        context,
      });
      expect(data).toEqual({ outboxStatus: { pending: 0, failed } });
    },
    { timeout: 20_000 },
  );
}
