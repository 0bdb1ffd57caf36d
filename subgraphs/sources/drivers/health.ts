/** Whether the store of a source answers. */
import { messageWithHint } from '#subgraphs/shared/errors.ts';
import type { StoreHealth } from '#subgraphs/shared/subgraph.ts';

/** @param name the source's @param probe asks the store for nothing; a rejection says that it is down */
export async function healthOf(name: string, probe: () => Promise<unknown>): Promise<StoreHealth> {
  const began = performance.now();
  try {
    await probe();
    return { store: name, state: 'ok', latencyMs: Math.round((performance.now() - began) * 10) / 10 };
  } catch (error) {
    return { store: name, state: 'down', detail: messageWithHint(error) };
  }
}
