/** Lists in the order of what other stores have: all that they let through is read, with what it is sorted by, and the page kept. */
import { createHash } from 'node:crypto';
import { CONDITIONS } from '#gateway/bounds/conditions.ts';
import { compareCodePoints } from '#subgraphs/shared/code-points.ts';
import { decodeCursor, encodeCursor, malformedCursor } from '#subgraphs/shared/cursors.ts';
import { compareNumbers, ExactNumber } from '#subgraphs/shared/exact-number.ts';
import type { AskedOrder, AskedPage, WorkedOrder } from './asked-order.ts';
import { tooCostly, type FilterValue } from './asking.ts';
import type { TypeList, ValueKind } from './declared-types.ts';
import type { Evaluation } from './evaluation.ts';
import type { ValueLevel } from './order-levels.ts';
import { ConditionFailed } from './steps.ts';
import { partsOf } from './terms.ts';
import { isTooCostly } from './walk.ts';

type Value = string | number | boolean | null;

/** An object's place. */
interface Place {
  readonly values: readonly Value[];
  readonly key: string;
}

/** @throws ConditionFailed, CodedError `BAD_USER_INPUT` */
export async function bySorted(
  evaluation: Evaluation,
  { list, where, type, page, partial }: AskedOrder,
  levels: readonly ValueLevel[],
): Promise<WorkedOrder> {
  const sorting = new Sorting(list, levels, page);
  const name = `${list.field} by ${levels.map(({ text }) => text).join(', ')}`;
  const { step, end } = evaluation.begin(name, 'candidates');
  try {
    const resolved = await resolvedOrNot(evaluation, type, where);
    const plain = resolved ?? partsOf(type, where, evaluation.filters).plain;
    const { asking } = evaluation;
    const candidates = list.counts ? await asking.count(list, plain) : 0;
    step.estimated = { matching: null, candidates: list.counts ? candidates : null };
    if (!partial && candidates > asking.bounds.candidates)
      throw tooCostly(`${candidates} objects would have to be sorted`, 'CONDITION_CANDIDATES');
    for await (const items of asking.rows(list, plain, levels)) {
      step.read += items.length;
      const looked = new Map<string, boolean>();
      if (resolved === undefined)
        await evaluation.look(
          items.map(({ key }) => key),
          list,
          where,
          looked,
        );
      for (const { key, node } of items) if (resolved !== undefined || looked.get(key) === true) sorting.add(key, node);
    }
  } catch (error) {
    if (!partial || !isTooCostly(error))
      throw error instanceof ConditionFailed ? error : new ConditionFailed(name, error);
    step.approximate = (error as Error).message;
  } finally {
    end(sorting.size);
  }
  const because = step.approximate === undefined ? undefined : { condition: step.condition, message: step.approximate };
  return { page: sorting.page(), because };
}

/** The filter without conditions on other stores; undefined where these are too much to be worked out beforehand. */
async function resolvedOrNot(
  evaluation: Evaluation,
  type: AskedOrder['type'],
  where: FilterValue,
): Promise<FilterValue | undefined> {
  try {
    return (await evaluation.resolve(type, where)) as FilterValue;
  } catch (error) {
    if (isTooCostly(error)) return undefined;
    throw error;
  }
}

/** Keeps what a page is cut from, of however much there is. */
class Sorting {
  /** How many there are in all pages. */
  size = 0;
  readonly #name: string;
  readonly #levels: readonly ValueLevel[];
  readonly #keyKind: ValueKind;
  readonly #asked: AskedPage;
  readonly #from: Place | undefined;
  readonly #sign: number;
  #kept: Place[] = [];

  /** @throws CodedError `BAD_USER_INPUT` for a cursor of another list or order */
  constructor({ field, keyKind }: TypeList, levels: readonly ValueLevel[], asked: AskedPage) {
    const said = levels.map(({ text, direction }) => `${text} ${direction}`).join();
    this.#name = `${field}:${createHash('sha256').update(said).digest('base64url').slice(0, 16)}`;
    this.#levels = levels;
    this.#keyKind = keyKind;
    this.#asked = asked;
    this.#sign = asked.backward ? -1 : 1;
    this.#from = asked.from === null ? undefined : this.#placeOf(asked.from);
  }

  add(key: string, node: Readonly<Record<string, unknown>>): void {
    const values = this.#levels.map(({ read, kind }) => valueOf(read(node), kind));
    this.size += 1;
    const place = { values, key };
    if (this.#from !== undefined && this.#compare(place, this.#from) * this.#sign <= 0) return;
    this.#kept.push(place);
    if (this.#kept.length > (this.#asked.size + 1) * 4 + CONDITIONS.sortedSpare) this.#cut();
  }

  page(): WorkedOrder['page'] {
    this.#cut();
    const { size, backward, from } = this.#asked;
    const places = this.#kept.slice(0, size);
    const further = this.#kept.length > size;
    const behind = from !== null;
    const items = (backward ? places.reverse() : places).map((place) => ({
      key: place.key,
      cursor: () => encodeCursor(this.#name, [...place.values, place.key]),
    }));
    return {
      items,
      hasNextPage: backward ? behind : further,
      hasPreviousPage: backward ? further : behind,
      total: this.size,
    };
  }

  #cut(): void {
    this.#kept.sort((one, other) => this.#compare(one, other) * this.#sign);
    this.#kept.length = Math.min(this.#kept.length, this.#asked.size + 1);
  }

  #compare(one: Place, other: Place): number {
    for (const [at, { kind, direction }] of this.#levels.entries()) {
      const order = compared(one.values[at]!, other.values[at]!, kind);
      if (order !== 0) return direction === 'ASC' ? order : -order;
    }
    // Ids go the way of the last level, as in lists that stores sort.
    const order = compared(one.key, other.key, this.#keyKind);
    return this.#levels.at(-1)?.direction === 'DESC' ? -order : order;
  }

  #placeOf(cursor: string): Place {
    const values = decodeCursor(this.#name, cursor, this.#levels.length + 1);
    const key = values.pop();
    if (
      typeof key !== 'string' ||
      !isKey(key, this.#keyKind) ||
      values.some((value, at) => !fits(value, this.#levels[at]!.kind))
    )
      throw malformedCursor();
    return { values, key };
  }
}

/** A value as it is compared, and kept in cursors. */
function valueOf(value: unknown, kind: ValueKind): Value {
  if (value === null || value === undefined) return null;
  if (kind === 'moment') return microseconds(String(value));
  // What is no number (`NaN`) has none.
  if (kind === 'digits') return DIGITS.test(String(value)) ? String(value) : null;
  if (kind === 'number') return Number(value);
  return kind === 'boolean' ? value === true : String(value);
}

const DIGITS = /^-?\d{1,1000}(\.\d{1,1000})?$/;

/** Since 1970, as digits: a double holds them exactly until 2255. */
function microseconds(text: string): string | null {
  const isBefore = text.endsWith(' BC');
  const plain = isBefore ? text.slice(0, -3) : text;
  // Years of five or more digits have a sign in what is parsed here.
  const moment = new Date(plain.replace(/^(\d{5,6})-/, (_, year: string) => `+${year.padStart(6, '0')}-`));
  if (Number.isNaN(moment.getTime()))
    return /^-?infinity$/i.test(text) ? (text.startsWith('-') ? `-${ENDLESS}` : ENDLESS) : null;
  // There is no year 0: the one before 1 is 1 BC.
  if (isBefore) moment.setUTCFullYear(1 - moment.getUTCFullYear());
  const fraction = /\.\d{3}(\d{1,3})/.exec(plain)?.[1]?.padEnd(3, '0') ?? '0';
  return String(BigInt(moment.getTime()) * 1_000n + BigInt(fraction));
}

/** Later than every moment, and before what is none. */
const ENDLESS = '9'.repeat(24);

function fits(value: Value, kind: ValueKind): boolean {
  if (value === null) return true;
  if (kind === 'digits' || kind === 'moment') return typeof value === 'string' && DIGITS.test(value);
  if (kind === 'number') return typeof value === 'number';
  return typeof value === (kind === 'boolean' ? 'boolean' : 'string');
}

const isKey = (key: string, kind: ValueKind): boolean => (kind !== 'digits' && kind !== 'number') || DIGITS.test(key);

/** What has no value counts as the largest. */
function compared(one: Value, other: Value, kind: ValueKind): number {
  if (one === other) return 0;
  if (one === null || other === null) return one === null ? 1 : -1;
  if (kind === 'text') return compareCodePoints(one as string, other as string);
  if (kind !== 'digits' && kind !== 'moment') return Number(one) - Number(other);
  return compareNumbers(new ExactNumber(one as string), new ExactNumber(other as string));
}
