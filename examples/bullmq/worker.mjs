/**
 * `npm start` here: a worker of BullMQ that works on runs. A job only says that a run waits; the claim says which, and that nobody
 * else works on it. A worker that dies loses its lease, and another goes on where the log ends.
 *
 * BULLMQ_URL (redis://127.0.0.1:6379), BULLMQ_QUEUE (tributary-runs), BULLMQ_PREFIX (bull): as the server has them; TRIBUTARY_URL
 * (http://127.0.0.1:4000), TRIBUTARY_TOKEN: the API, and as whom runs are claimed
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'bullmq';
import { Redis } from 'ioredis';

const { env } = process;
const url = `${env.TRIBUTARY_URL ?? 'http://127.0.0.1:4000'}/graphql`;
const leaseSeconds = Number(env.LEASE_SECONDS ?? 60);
const TRIES = 5;
const TIMEOUT_MS = 20_000;

const CLAIM = `mutation ($agentId: ID!, $leaseSeconds: Int) {
  claimRun(input: { agentId: $agentId, leaseSeconds: $leaseSeconds }) { run { id input lastSequence } lease { token } } }`;
const BEAT = `mutation ($runId: ID!, $token: String!, $leaseSeconds: Int) {
  heartbeatRun(input: { runId: $runId, token: $token, leaseSeconds: $leaseSeconds }) { run { id } } }`;
const APPEND = `mutation ($input: AppendRunEventsInput!) { appendRunEvents(input: $input) { run { lastSequence } } }`;

/** What the gateway answers, asked again for a while where it does not. An error of the API has its stable `code`. */
async function ask(query, variables) {
  for (let attempt = 1; ; attempt += 1) {
    let answer;
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(env.TRIBUTARY_TOKEN ? { authorization: `Bearer ${env.TRIBUTARY_TOKEN}` } : {}),
        },
        body: JSON.stringify({ query, variables }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      answer = await response.json();
    } catch (error) {
      if (attempt === TRIES) throw error;
      await delay(2 ** attempt * 125);
      continue;
    }
    const [error] = answer.errors ?? [];
    if (error) throw Object.assign(new Error(error.message), { code: error.extensions?.code });
    return answer.data;
  }
}

/** Refused where the log does not end at `last`. Keys make a repeat of a lost answer the same append. */
async function append(run, token, last, events) {
  const input = { runId: run.id, token, events, expectedSequence: last, idempotencyKey: String(last) };
  return (await ask(APPEND, { input })).appendRunEvents.run.lastSequence;
}

/** One step after the other, each written as one append, so that the log says which are done. */
async function work(run, token) {
  const { steps, pauseMs = 0 } = run.input ?? {};
  const claim = token.split('-')[0]; // The how many-th claim of the run this is.
  let last = run.lastSequence;
  if (!Array.isArray(steps)) {
    // Whoever claims it next would find the same.
    const payload = { message: 'The input has no list of `steps`.', code: 'NO_STEPS' };
    return void (await append(run, token, last, [{ type: 'RUN_ERROR', payload }]));
  }
  // RUN_STARTED comes before the first two events by itself.
  for (const step of steps.slice(Math.floor(Math.max(0, last - 1) / 2))) {
    await ask(BEAT, { runId: run.id, token, leaseSeconds });
    await delay(pauseMs); // The work itself.
    const payload = { stepName: `${step} by claim ${claim}` };
    last = await append(run, token, last, [
      { type: 'STEP_STARTED', payload },
      { type: 'STEP_FINISHED', payload },
    ]);
  }
  await append(run, token, last, [{ type: 'RUN_FINISHED', payload: { result: { steps: steps.length } } }]);
}

/** Claims the agent's most urgent run, which need not be the job's; nothing where no run waits any more. */
async function answerRun({ data: { agentId } }) {
  const { run, lease } = (await ask(CLAIM, { agentId, leaseSeconds })).claimRun;
  if (run === null) return;
  try {
    await work(run, lease.token);
  } catch (error) {
    // Cancelled, or claimed by another since the lease had ended: no longer this worker's.
    if (error.code !== 'CONFLICT') throw error;
  }
}

const connection = new Redis(env.BULLMQ_URL ?? 'redis://127.0.0.1:6379', { maxRetriesPerRequest: null });
const worker = new Worker(env.BULLMQ_QUEUE ?? 'tributary-runs', answerRun, {
  connection,
  prefix: env.BULLMQ_PREFIX ?? 'bull',
  concurrency: Number(env.CONCURRENCY ?? 4),
});
for (const source of [connection, worker]) source.on('error', (error) => console.error(error.message));
worker.on('failed', (job, error) => console.error(`Job ${job?.id}: ${error.message}`));
await worker.waitUntilReady();
console.log('The worker takes runs. Ctrl-C ends it.');
