/**
 * Sends a dispatched run to its webhook, signed as Standard Webhooks 1.0 says (https://www.standardwebhooks.com): the
 * headers `webhook-id`, `webhook-timestamp` and `webhook-signature: v1,<base64 of HMAC-SHA256 over
 * "id.timestamp.body">`.
 */
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { projectOf, tenantOf } from '#subgraphs/shared/tenant-id.ts';
import { createHmac } from 'node:crypto';
import { lookup as resolveName, type LookupAddress, type LookupOptions } from 'node:dns';
import { Agent, request } from 'undici';
import { RUNS } from '../bounds.ts';
import type { Lease, Run } from '../driver.ts';
import type { WebhookPolicy } from './webhook-addresses.ts';

/** How the receiver answered, for the next attempt and for people. */
export type Dispatched = { accepted: true } | { accepted: false; why: string };

export interface WebhookSender {
  /** Never rejects: what goes wrong is the answer. */
  send(tenantId: string, run: Run, lease: Lease, webhook: string): Promise<Dispatched>;
  close(): Promise<void>;
}

type Resolve = (
  hostname: string,
  options: LookupOptions & { all: true },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

export interface WebhookOptions {
  policy: WebhookPolicy;
  /** Signs; receivers have the same. */
  secret: string;
  /** Longest time for the receiver's answer, in milliseconds. @default 10000 */
  timeoutMs?: number;
  /** For tests. @default the system's resolver */
  resolve?: Resolve;
  /** Told what a tenant is not: that a name led to where this server does not send. @default nothing */
  log?: (message: string, error?: unknown) => void;
}

/** The signature of one message. @param timestamp seconds since 1970 */
export const sign = (secret: string, id: string, timestamp: number, body: string): string =>
  `v1,${createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64')}`;

export function webhookSender({
  policy,
  secret,
  timeoutMs = RUNS.dispatchTimeoutMs,
  resolve = resolveName as Resolve,
  log,
}: WebhookOptions): WebhookSender {
  // One connection for each message: receivers are many, and each connection's address is checked for its own URL.
  const agentFor = (url: URL): Agent =>
    new Agent({
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      maxResponseSize: RUNS.webhookAnswerBytes,
      connect: {
        timeout: Math.min(timeoutMs, RUNS.webhookConnectMs),
        // Checked where the connection is made: a name that was harmless a moment ago may lead elsewhere now (DNS
        // rebinding).
        lookup: (hostname, options, done) =>
          resolve(hostname, { ...options, all: true }, (error, addresses) => {
            if (error) return done(error, '', 0);
            const refused = addresses
              .map(({ address }) => policy.refusal(url, address))
              .find((refusal) => refusal !== undefined);
            const [first] = addresses;
            if (refused !== undefined || first === undefined)
              return done(new Refused(refused ?? `${hostname} has no address.`), '', 0);
            if (options.all === true) (done as unknown as (error: null, all: LookupAddress[]) => void)(null, addresses);
            else done(null, first.address, first.family);
          }),
      },
    });

  return {
    async send(tenantId, run, lease, webhook) {
      let agent: Agent | undefined;
      try {
        // Again, for what the operator allows may have changed since the run was started.
        const url = policy.check(webhook);
        agent = agentFor(url);
        const id = `${run.id}.${lease.token.split('-')[0]}`;
        const timestamp = Math.floor(Date.now() / 1_000);
        const body = writeJson({
          type: 'run.dispatched',
          timestamp: new Date(timestamp * 1_000).toISOString(),
          data: messageOf(tenantId, run, lease),
        });
        const response = await request(url, {
          method: 'POST',
          dispatcher: agent,
          headers: {
            'content-type': 'application/json',
            'user-agent': 'tributary',
            'webhook-id': id,
            'webhook-timestamp': String(timestamp),
            'webhook-signature': sign(secret, id, timestamp, body),
          },
          body,
          signal: AbortSignal.timeout(timeoutMs),
        });
        await response.body.dump().catch(() => undefined); // What it says besides its status is not needed.
        const { statusCode } = response;
        return statusCode >= 200 && statusCode < 300
          ? { accepted: true }
          : { accepted: false, why: `The receiver answered ${statusCode}.` };
      } catch (error) {
        if (error instanceof Refused)
          log?.(`A run of the tenant ${tenantId} was not dispatched to ${new URL(webhook).host}.`, error);
        return { accepted: false, why: explain(error) };
      } finally {
        await agent?.destroy().catch(() => undefined); // The answer is what counts.
      }
    },
    close: () => Promise.resolve(),
  };
}

/** Where a name leads is not where this server sends. */
class Refused extends Error {}

/**
 * What the receiver needs to work on the run: what to do, and the lease to do it under. The rest it reads from the API.
 */
const messageOf = (tenantId: string, run: Run, lease: Lease) => ({
  tenantId: tenantOf(tenantId),
  // Left out of a run that is of no project.
  project: projectOf(tenantId),
  run: {
    id: run.id,
    agentId: run.agentId,
    threadId: run.threadId,
    input: run.input,
    lastSequence: run.lastSequence,
    attempt: run.attempts,
  },
  lease: { token: lease.token, expiresAt: lease.expiresAt.toISOString() },
});

/**
 * Shown to the tenant: says what failed without telling what else this server can reach. A name that leads to a refused
 * address reads like one that leads nowhere, or who gives the names could map this server's network.
 */
function explain(error: unknown): string {
  const { name, code, message } = error as Error & { code?: string };
  if (name === 'CodedError') return message;
  if (name === 'TimeoutError' || /TIMEOUT/.test(code ?? '')) return 'The receiver did not answer in time.';
  return 'The receiver cannot be reached.';
}
