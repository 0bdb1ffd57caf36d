/** The items of a list that come behind the answer that has the first of them. */
import type { GraphQLError } from 'graphql';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { toldError } from '#gateway/respond/told-error.ts';
import type { ItemBatch, ItemStream } from '../clients/subgraph-client.ts';
import { emptyObject, type JsonObject } from '../json-object.ts';
import type { AsyncItems } from './async-items.ts';
import { completeAt, Frame, PENDING, Run, type Position } from './run.ts';

/** Where the list is. */
interface ListPlace {
  readonly position: Position;
  readonly item: Position;
  readonly up: Frame | undefined;
  readonly key: string | number;
  /** How many items it has already. */
  readonly from: number;
}

export class ListStream implements ItemStream {
  readonly #reader: AsyncItems;
  readonly #place: ListPlace;
  readonly #first: Run;
  #count: number;

  /** @param first the run that opened it */
  constructor(reader: AsyncItems, place: ListPlace, first: Run) {
    this.#reader = reader;
    this.#place = place;
    this.#first = first;
    this.#count = place.from;
  }

  async take(most: number, waitMs: number, context: RequestContext): Promise<ItemBatch> {
    const { values, done, failure } = await this.#reader.take(most, waitMs);
    const { about, variables, rootValue, signal } = this.#first;
    const run = new Run(about, context, variables, rootValue, signal);
    run.data = emptyObject();
    const { position, item, up, key } = this.#place;
    // What becomes of an item is nothing to the answer that is on its way, nor to the other items.
    const above = up && new Frame(up.up, up.key, up.position, emptyObject());
    const slots = values.map((value, index) => {
      const place = this.#count + index;
      const items = emptyObject();
      const slot = new Frame(above, key, { ...position, nullable: true }, items);
      const completed = completeAt(item, value, slot, place, run);
      if (completed === undefined) slot.gone = true;
      else items[place] = completed === PENDING ? undefined : completed;
      return slot;
    });
    if (!run.isSettled) await run.settled();
    run.gather();
    const lost = slots.findIndex(({ gone }) => gone);
    const kept = lost < 0 ? slots : slots.slice(0, lost);
    const items = kept.map((slot, index) => (slot.value as JsonObject)[this.#count + index]);
    const depth = pathLength(up);
    const errors = run.errors.map((error) => this.#moved(error, depth));
    const placeOf = ({ path }: GraphQLError): number => path?.[depth + 1] as number;
    const before = errors.filter((error) => placeOf(error) < kept.length);
    this.#count += items.length;
    if (lost >= 0) {
      this.end();
      return { items, errors: before, done: true, failure: errors.filter((error) => placeOf(error) === lost) };
    }
    if (failure === undefined) return { items, errors: before, done };
    const ending = new Run(about, context, variables, rootValue, signal);
    ending.report(failure.error, position.nodes, up, key);
    return { items, errors: before, done: true, failure: ending.errors };
  }

  end(): void {
    this.#reader.end();
  }

  /** The error with the item's place in the batch. */
  #moved(error: GraphQLError, depth: number): GraphQLError {
    const path = error.path?.map((part, index) => (index === depth + 1 ? (part as number) - this.#count : part));
    const { message, nodes, originalError, extensions } = error;
    return toldError(message, { nodes, path, originalError, extensions });
  }
}

/** How many keys lead to what has the list. */
function pathLength(up: Frame | undefined): number {
  let length = 0;
  for (let frame = up; frame !== undefined; frame = frame.up) length += 1;
  return length;
}
