/**
 * The run of a question while it is answered: what is written to it, under the lease of whoever took it. Writes follow one another;
 * what comes while one is under way goes with the next, so that a model that writes quickly costs few of them.
 */
import { parse } from 'graphql';
import { ASK } from '#gateway/bounds/ask.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { beginningOf } from '#subgraphs/shared/graphemes.ts';
import type { SubgraphCall } from '#gateway/indexing/subgraph-call.ts';

const APPEND = parse(
  'mutation Append($input: AppendRunEventsInput!) { appendRunEvents(input: $input) { __typename } }',
);
const HEARTBEAT = parse('mutation Beat($input: HeartbeatRunInput!) { heartbeatRun(input: $input) { __typename } }');
const FINISH = parse('mutation Finish($input: FinishRunInput!) { finishRun(input: $input) { __typename } }');

/** An event of AG-UI's. */
export interface AskEvent {
  readonly type: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

export interface HeldRun {
  readonly runId: string;
  readonly token: string;
  readonly tenantId: string;
}

export class AskedRun {
  readonly #call: SubgraphCall;
  readonly #held: HeldRun;
  readonly #over = new AbortController();
  #waiting: AskEvent[] = [];
  #writing: Promise<void> | undefined;
  #beating: NodeJS.Timeout;

  /** @param call as the system, said to be done by who asked */
  constructor(call: SubgraphCall, held: HeldRun) {
    this.#call = call;
    this.#held = held;
    this.#beating = setInterval(() => void this.#beat(), ASK.heartbeatMs);
    this.#beating.unref();
  }

  get id(): string {
    return this.#held.runId;
  }

  /** Aborted when the run is over, or another's: there is nothing left to do. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** Writes events behind those before, soon. */
  tell(...events: readonly AskEvent[]): void {
    for (const event of events) {
      if (event.type === 'TEXT_MESSAGE_CONTENT') this.#say(event);
      else this.#waiting.push(event);
    }
    this.#writing ??= this.#write();
  }

  /** Pieces of a text go together, as far as one event may be long. */
  #say({ type, payload }: AskEvent): void {
    const last = this.#waiting.at(-1);
    const goesOn = last?.type === type && last.payload['messageId'] === payload['messageId'];
    if (goesOn) this.#waiting.pop();
    for (let rest = `${goesOn ? String(last.payload['delta']) : ''}${String(payload['delta'])}`; rest !== '';) {
      const delta = beginningOf(rest, ASK.eventCharacters);
      this.#waiting.push({ type, payload: { ...payload, delta } });
      rest = rest.slice(delta.length);
    }
  }

  /** Resolves when all is written; rejects with why the run is over. */
  async written(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    this.#over.signal.throwIfAborted();
  }

  /** Ends the run with what came of it. */
  async finish(output: unknown): Promise<void> {
    await this.written();
    await this.#send(FINISH, { output });
  }

  /** Ends the run with why nothing came of it, behind what had been said. */
  async fail(error: { readonly message: string; readonly code: string }): Promise<void> {
    await this.written().catch(() => undefined); // Whether the run is over its end tells.
    await this.#send(FINISH, { error });
  }

  /** Whether an error says that the run is over, or another's. */
  static isOver(error: unknown): boolean {
    return error instanceof CodedError && (error.code === 'CONFLICT' || error.code === 'NOT_FOUND');
  }

  /** Lets go of it: nothing is written any more. */
  async close(): Promise<void> {
    clearInterval(this.#beating);
    this.#waiting = [];
    await this.#writing;
  }

  async #write(): Promise<void> {
    try {
      while (this.#waiting.length > 0 && !this.#over.signal.aborted) {
        const events = this.#waiting.splice(0, ASK.eventsPerWrite);
        await this.#send(APPEND, { events });
      }
    } catch (error) {
      this.#over.abort(error);
    } finally {
      this.#writing = undefined;
    }
  }

  async #beat(): Promise<void> {
    try {
      await this.#send(HEARTBEAT, { leaseSeconds: ASK.leaseSeconds });
    } catch (error) {
      // A store that is away for a moment does not end it: the lease does.
      if (AskedRun.isOver(error)) this.#over.abort(error);
    }
  }

  async #send(document: typeof APPEND, input: Record<string, unknown>): Promise<void> {
    const { runId, token, tenantId } = this.#held;
    await this.#call('runs', document, { input: { runId, token, ...input } }, tenantId);
  }
}
