/**
 * What one answer may come to. Whoever makes a part of it charges the budget in the loops that do so; past it the
 * operation ends with `QUERY_TOO_COSTLY`, and all that was made for it can be collected.
 */
import { SHARED } from './bounds.ts';
import { CodedError } from './errors.ts';

export interface BudgetLimits {
  /** Objects of an answer. */
  readonly nodes: number;
  /** Bytes of an answer as JSON. */
  readonly bytes: number;
  /** Errors that an answer tells one by one. @default all */
  readonly errors?: number;
}

/** The budget of one answer: of a query, a mutation, or one event of a subscription. */
export class Budget {
  readonly limits: BudgetLimits;
  readonly #exceeded: (error: CodedError) => void;
  #gatheredNodes = 0;
  #gatheredBytes = 0;
  #writtenNodes = 0;
  #writtenBytes = 0;
  #failure: CodedError | undefined;

  /** @param exceeded told once, when something is charged that is not left: it should end what is under way */
  constructor(limits: BudgetLimits, exceeded: (error: CodedError) => void = () => undefined) {
    this.limits = limits;
    this.#exceeded = exceeded;
  }

  /** Why the operation ends; undefined while there is something left. */
  get failure(): CodedError | undefined {
    return this.#failure;
  }

  /** What has been written so far. */
  get written(): BudgetLimits {
    return { nodes: this.#writtenNodes, bytes: this.#writtenBytes };
  }

  /** The same limits, unspent, for one event of a stream: past them that event is an error, and the stream goes on. */
  renewed(): Budget {
    return new Budget(this.limits);
  }

  /**
   * Charges what a subgraph has told.
   * @returns false when the operation must end
   */
  gather(nodes: number, bytes: number): boolean {
    this.#gatheredNodes += nodes;
    this.#gatheredBytes += bytes;
    if (this.#gatheredNodes > this.limits.nodes * SHARED.gatheredNodes)
      this.#fail(`Answering takes more than ${this.limits.nodes * SHARED.gatheredNodes} objects of subgraphs`, 'nodes');
    else if (this.#gatheredBytes > this.limits.bytes * SHARED.gatheredBytes)
      this.#fail(`Answering takes more than ${this.limits.bytes * SHARED.gatheredBytes} bytes of text`, 'bytes');
    return this.#failure === undefined;
  }

  /**
   * Checks how many places of an answer are looked at at once; each would be an object of the answer.
   * @param bytes how long what is about to be written would be. @default nothing is
   * @throws CodedError `QUERY_TOO_COSTLY`
   */
  reach(places: number, bytes = 0): void {
    if (places > this.limits.nodes) this.#tooManyNodes();
    else if (bytes > this.limits.bytes) this.#tooLong();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Charges what has been added to the answer.
   * @throws CodedError `QUERY_TOO_COSTLY`
   */
  write(nodes: number, bytes: number): void {
    this.#writtenNodes += nodes;
    this.#writtenBytes += bytes;
    if (this.#writtenNodes > this.limits.nodes) this.#tooManyNodes();
    else if (this.#writtenBytes > this.limits.bytes) this.#tooLong();
    if (this.#failure !== undefined) throw this.#failure;
  }

  #tooManyNodes(): void {
    this.#fail(`The answer has more than ${this.limits.nodes} objects`, 'nodes');
  }

  #tooLong(): void {
    this.#fail(`The answer is longer than ${this.limits.bytes} bytes`, 'bytes');
  }

  #fail(what: string, limit: keyof BudgetLimits): void {
    if (this.#failure !== undefined) return;
    this.#failure = new CodedError('QUERY_TOO_COSTLY', `${what}.`, {
      hint: 'Ask for smaller pages or fewer fields, and follow the pages with `after`.',
      extensions: { limit: { [limit]: this.limits[limit] } },
    });
    this.#exceeded(this.#failure);
  }
}

/** For work that no client asked for. */
export const unlimited = (): Budget => new Budget({ nodes: Infinity, bytes: Infinity });
