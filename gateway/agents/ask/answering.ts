/**
 * Answers questions behind the requests: takes those that wait, as many at once as it may, and works on each as whoever asked it. A
 * process that ends, or dies, leaves none that waits for ever: what it holds is told as failed, or its lease ends.
 */
import { parse } from 'graphql';
import { ASK } from '#gateway/bounds/ask.ts';
import type { SubgraphCall } from '#gateway/indexing/subgraph-call.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import type { Principal } from '#subgraphs/shared/context.ts';
import { CodedError, messageWithHint } from '#subgraphs/shared/errors.ts';
import { beginningOf } from '#subgraphs/shared/graphemes.ts';
import { Periodic } from '#subgraphs/shared/periodic.ts';
import type { Embedder } from '#subgraphs/shared/ports.ts';
import type { AgentRequests } from '../agent-requests.ts';
import { answer, type Answer, type Question } from './answer.ts';
import { AskedRun } from './asked-run.ts';

const TAKE = parse(
  'mutation Take($leaseSeconds: Int!, $except: [String!]!) { takeQuestion(leaseSeconds: $leaseSeconds, except: $except) { runId input token tenantId subject roles scopes expiresAt } }',
);

export interface AnsweringOptions extends BoundValues<typeof ASK> {
  readonly agents: AgentRequests;
  /** Calls of subgraphs as the system. @param subject who is said to act */
  readonly callAs: (subject: string) => SubgraphCall;
  /** That of search, once it is there. */
  readonly embedder: () => Embedder | undefined;
  /** The name of the chat model, where it is known. */
  readonly model: string | undefined;
  readonly log: Logger;
}

interface Taken {
  readonly runId: string;
  readonly input: Question;
  readonly token: string;
  readonly tenantId: string;
  readonly subject: string;
  readonly roles: readonly string[];
  readonly scopes: readonly string[];
  readonly expiresAt: number | null;
}

export class Answering {
  readonly #options: AnsweringOptions;
  readonly #periodic: Periodic;
  readonly #stopping = new AbortController();
  /** What is worked on, and whose it is. */
  readonly #running = new Map<Promise<void>, string>();

  constructor(options: AnsweringOptions) {
    this.#options = options;
    this.#periodic = new Periodic(() => this.#look(), {
      everyMs: options.pollMs,
      onError: (error) => {
        // Without a store of runs there are none.
        if (!(error instanceof CodedError) || error.code !== 'STORE_DISABLED')
          options.log.warn({ err: error }, 'Questions could not be looked up; trying again.');
      },
    });
  }

  start(): void {
    this.#periodic.start();
  }

  /** A question waits: look now. */
  nudge(): void {
    this.#periodic.nudge();
  }

  /** Tells those that it works on that they failed, and waits until they are told. */
  async close(): Promise<void> {
    this.#stopping.abort(
      new CodedError('STORE_UNAVAILABLE', 'The server that answered the question has stopped.', { hint: 'Ask again.' }),
    );
    await this.#periodic.close();
    await Promise.all(this.#running.keys());
  }

  async #look(): Promise<void> {
    const { callAs, concurrency } = this.#options;
    while (this.#running.size < concurrency && !this.#periodic.closed) {
      const { takeQuestion: taken } = await callAs('system:ask')<{ takeQuestion: Taken | null }>('runs', TAKE, {
        leaseSeconds: ASK.leaseSeconds,
        except: this.#busy(),
      });
      if (taken === null) return;
      const work: Promise<void> = this.#answer(taken).finally(() => {
        this.#running.delete(work);
        this.nudge();
      });
      this.#running.set(work, taken.tenantId);
    }
  }

  /** Tenants that have all but one of the places here: the last is kept for another, whose question else waits for the slowest of theirs. */
  #busy(): string[] {
    const held = new Map<string, number>();
    for (const tenantId of this.#running.values()) held.set(tenantId, (held.get(tenantId) ?? 0) + 1);
    const most = Math.max(1, this.#options.concurrency - 1);
    return [...held].flatMap(([tenantId, count]) => (count >= most ? [tenantId] : []));
  }

  async #answer(taken: Taken): Promise<void> {
    const { agents, callAs, embedder, log, model, timeoutMs } = this.#options;
    const { runId, token, tenantId, subject, roles, scopes, expiresAt } = taken;
    const principal: Principal = { tenantId, subject, roles, scopes, ...(expiresAt === null ? {} : { expiresAt }) };
    const run = new AskedRun(callAs(subject), { runId, token, tenantId });
    const time = AbortSignal.timeout(timeoutMs);
    try {
      if (expiresAt !== null && expiresAt <= Date.now())
        throw new CodedError('UNAUTHENTICATED', 'The token that asked has expired.', {
          hint: 'Ask again with another.',
        });
      const signal = AbortSignal.any([run.over, time, this.#stopping.signal]);
      const calls = agents.callsOf({ principal, requestId: runId, signal });
      const done = await answer({
        question: taken.input,
        principal,
        calls,
        listed: agents.listedTools(calls),
        run,
        embedder: embedder(),
        model,
        bounds: this.#options,
        time,
      });
      await run.finish(fitting(done));
    } catch (error) {
      await this.#fail(run, error, time);
    } finally {
      await run.close().catch(() => undefined);
      log.debug({ runId, tenantId }, 'A question was worked on.');
    }
  }

  async #fail(run: AskedRun, error: unknown, time: AbortSignal): Promise<void> {
    const { log } = this.#options;
    const failure: unknown = run.over.aborted ? run.over.reason : error;
    if (run.over.aborted && AskedRun.isOver(failure))
      return log.debug({ runId: run.id, err: failure }, 'A question was given up.');
    const stopped = this.#stopping.signal.aborted ? (this.#stopping.signal.reason as CodedError) : undefined;
    const timedOut = time.aborted
      ? new CodedError('STORE_TIMEOUT', 'The question could not be answered in time.', {
          hint: 'Ask for less, or again.',
        })
      : undefined;
    // What the run itself was refused is none of the asker's: it may quote what was written.
    const isOwn = run.over.aborted && !(failure instanceof CodedError && failure.code.startsWith('STORE_'));
    const told = stopped ?? timedOut ?? (failure instanceof CodedError && !isOwn ? failure : undefined);
    if (told === undefined) log.error({ runId: run.id, err: failure }, 'A question could not be answered.');
    await run
      .fail({
        message:
          told === undefined
            ? 'Something went wrong in the gateway.'
            : beginningOf(messageWithHint(told), ASK.errorCharacters),
        code: told?.code ?? 'INTERNAL_SERVER_ERROR',
      })
      .catch((further: unknown) => {
        if (!AskedRun.isOver(further))
          log.warn({ runId: run.id, err: further }, 'A question that failed could not be told so; its lease ends.');
      });
  }
}

/** An answer as the run takes it: quotes are left out, from the last on, where it were too long with all of them. */
function fitting(answer: Answer): Answer {
  const citations = [...answer.citations];
  for (let at = citations.length - 1; at >= 0; at -= 1) {
    if (Buffer.byteLength(JSON.stringify({ ...answer, citations })) <= ASK.outputBytes) break;
    citations[at] = { ...citations[at]!, quote: '', end: citations[at]!.start };
  }
  return { ...answer, citations };
}
