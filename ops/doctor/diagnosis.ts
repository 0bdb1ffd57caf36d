/** What is found at one store. */
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { Examination, Finding } from '#subgraphs/shared/examination.ts';
import type { StoreHealth } from '#subgraphs/shared/subgraph.ts';
import { withTimeout } from '#subgraphs/shared/with-timeout.ts';
import { DOCTOR } from './bounds.ts';

export interface Diagnosis {
  /** What it is for, such as `objects`. */
  readonly store: string;
  /** What it is, or where: `S3 at http://…`; never with a user or a password. */
  readonly what: string;
  /** `fault`: something does not work; `warning`: it does, and should not stay so; `off`: nobody wants it. */
  readonly state: 'ok' | 'warning' | 'fault' | 'off';
  readonly version?: string | undefined;
  readonly latencyMs?: number | undefined;
  readonly facts: readonly string[];
  readonly findings: readonly Finding[];
}

/** One store to look at. */
export interface Check {
  readonly store: string;
  readonly what: string;
  /** Never called for what is off. */
  look(): Promise<Looked>;
}

export interface Looked {
  readonly health?: readonly StoreHealth[];
  readonly examination?: Examination | undefined;
}

/** Looks within the time that it may take; never rejects. */
export async function diagnose({ store, what, look }: Check): Promise<Diagnosis> {
  try {
    const looked = await withTimeout(look(), DOCTOR.storeMs);
    if (looked === undefined)
      return told({ store, what }, {}, [
        fault(
          `No answer within ${DOCTOR.storeMs / 1_000} s: something accepts connections there and says nothing, or nothing is let through.`,
          'Check the address and port, and firewalls on the way.',
        ),
      ]);
    return told({ store, what }, looked, []);
  } catch (error) {
    return told({ store, what }, {}, [failure(error)]);
  }
}

/** What an error of a store tells a person. */
export function failure(error: unknown): Finding {
  if (!(error instanceof CodedError)) return { level: 'fault', what: (error as Error).message || String(error) };
  // What the client library says is what tells a wrong port from a wrong protocol.
  const cause = error.cause instanceof Error && error.cause.message !== '' ? ` (${error.cause.message})` : '';
  const { hint } = error.extensions;
  return { level: 'fault', what: `${error.message}${cause}`, ...(hint === undefined ? {} : { remedy: hint }) };
}

const fault = (what: string, remedy: string): Finding => ({ level: 'fault', what, remedy });

function told(
  named: Pick<Diagnosis, 'store' | 'what'>,
  { health = [], examination }: Looked,
  further: readonly Finding[],
): Diagnosis {
  const { version, facts = [], findings = [], clockAheadMs = 0 } = examination ?? {};
  const all: Finding[] = [
    ...further,
    ...health.flatMap(({ state, detail }) =>
      state === 'down' ? [{ level: 'fault' as const, what: detail ?? 'It does not answer.' }] : [],
    ),
    ...findings,
  ];
  if (Math.abs(clockAheadMs) > DOCTOR.clockMs)
    all.push({
      level: 'warning',
      what: `Its clock is ${(Math.abs(clockAheadMs) / 1_000).toFixed(1)} s ${clockAheadMs > 0 ? 'ahead of' : 'behind'} that of this machine: leases, links and tokens end at other times than they say.`,
      remedy: 'Have both follow one time server (NTP).',
    });
  const latency = Math.max(...health.map(({ latencyMs }) => latencyMs ?? 0), 0);
  const disabled = health.length > 0 && health.every(({ state }) => state === 'disabled');
  return {
    ...named,
    state: disabled ? 'off' : all.some(({ level }) => level === 'fault') ? 'fault' : all.length > 0 ? 'warning' : 'ok',
    version,
    ...(latency === 0 ? {} : { latencyMs: Math.round(latency * 10) / 10 }),
    facts: [
      ...facts,
      ...health.flatMap(({ state, detail }) => (state !== 'down' && detail !== undefined ? [detail] : [])),
    ],
    findings: all,
  };
}
