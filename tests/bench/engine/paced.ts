/** Operations that come by the clock, whatever becomes of those before them. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'undici';

/** Does something so many times, each when its time has come. @returns how long after its time each was done, in ms */
export async function onTime(times: number, everyMs: number, act: (index: number) => Promise<void>): Promise<number[]> {
  const begin = performance.now();
  return Promise.all(
    Array.from({ length: times }, async (_, index) => {
      const due = begin + index * everyMs;
      await delay(Math.max(0, due - performance.now()));
      await act(index);
      return performance.now() - due;
    }),
  );
}

export interface Told {
  data?: object | null;
  errors?: { extensions?: { code?: string } }[];
}

/** Sends one operation. @param tenant who asks */
export async function askAs(gateway: Pool, tenant: string, query: string, signal?: AbortSignal): Promise<Told> {
  const { body } = await gateway.request({
    path: '/graphql',
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', authorization: tenant },
    body: JSON.stringify({ query }),
    signal,
  });
  return (await body.json()) as Told;
}
