/** Clients of a server that suffers: they ask, write and keep what was acknowledged. */
import { setTimeout as delay } from 'node:timers/promises';

export interface Answer {
  data: Record<string, unknown> | null;
  errors?: { message: string; path?: (string | number)[]; extensions: { code: string; hint?: string } }[];
  ms: number;
}

/** What the field of a store that is sick may say. */
export const STORE_CODES = ['STORE_UNAVAILABLE', 'STORE_TIMEOUT', 'REQUEST_TIMEOUT'];

export async function ask(url: string, query: string, variables: Record<string, unknown> = {}): Promise<Answer> {
  const began = performance.now();
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const body = (await response.json()) as Omit<Answer, 'ms'>;
  return { ...body, ms: performance.now() - began };
}

export const p50 = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

export interface Load {
  readonly acknowledged: readonly string[];
  /** Codes of writes that were refused; `UNREACHABLE` where nobody answered. */
  readonly codes: ReadonlySet<string>;
  stop(): Promise<void>;
}

/** Starts so many writers. @param write writes the value; resolves with the answer, or rejects where nobody answered */
export function startWriters(count: number, write: (value: string) => Promise<Answer>): Load {
  const acknowledged: string[] = [];
  const codes = new Set<string>();
  let going = true;
  const writer = async (id: number): Promise<void> => {
    for (let n = 0; going; n++) {
      const value = `${id}-${n}`;
      try {
        const { data, errors } = await write(value);
        if (errors === undefined && Object.values(data ?? {}).every((field) => field !== null))
          acknowledged.push(value);
        for (const { extensions } of errors ?? []) codes.add(extensions.code);
        if (errors !== undefined) await delay(50);
      } catch {
        codes.add('UNREACHABLE');
        await delay(50);
      }
    }
  };
  const writers = Promise.all(Array.from({ length: count }, (_, id) => writer(id)));
  return {
    acknowledged,
    codes,
    stop: async () => {
      going = false;
      await writers;
    },
  };
}

/** A row of the table in docs/reliability.md, printed for whoever renews it. */
export function figure(
  store: string,
  fault: string,
  answers: string,
  codes: Iterable<string>,
  slowestMs: number | undefined,
  others: string,
  after: string,
): string {
  const told = [...codes].map((code) => `\`${code}\``).join(', ') || '–';
  return `| ${store} | ${fault} | ${answers} | ${told} | ${slowestMs === undefined ? '–' : `${Math.round(slowestMs)} ms`} | ${others} | ${after} |`;
}
