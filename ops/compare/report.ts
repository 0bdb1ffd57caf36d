/** What a comparison found, for people and for programs. */
import type { Recorded } from './recorded.ts';
import type { Compared, Cost } from './run.ts';

export interface Report {
  readonly sides: readonly [ours: string, theirs: string];
  readonly operations: readonly Compared[];
  readonly passedOver: Recorded['passedOver'];
  readonly total: {
    readonly compared: number;
    /** Of which `data` or whether there are errors differ. */
    readonly different: number;
    /** Of which errors are only worded differently. */
    readonly worded: number;
    /** Sums over all operations; absent where a side does not tell. */
    readonly ours: Totals;
    readonly theirs: Totals;
  };
}
type Totals = { readonly ms: number; readonly cpuMs?: number; readonly fetches?: number };

export const isDifferent = ({ data, errors }: Compared): boolean => data.length > 0 || errors.length > 0;

export function reportOf(
  sides: Report['sides'],
  operations: readonly Compared[],
  passedOver: Report['passedOver'],
): Report {
  return {
    sides,
    operations,
    passedOver,
    total: {
      compared: operations.length,
      different: operations.filter(isDifferent).length,
      worded: operations.filter((each) => !isDifferent(each) && each.wording.length > 0).length,
      ours: totalsOf(operations.map(({ ours }) => ours)),
      theirs: totalsOf(operations.map(({ theirs }) => theirs)),
    },
  };
}

function totalsOf(costs: readonly Cost[]): Totals {
  const sum = (values: readonly (number | undefined)[]): number | undefined =>
    values.length === 0 || values.includes(undefined)
      ? undefined
      : values.reduce<number>((all, each) => all + each!, 0);
  const cpuMs = sum(costs.map((cost) => cost.cpuMs));
  const fetches = sum(costs.map((cost) => (cost.fetches === undefined ? undefined : count(cost.fetches))));
  return {
    ms: sum(costs.map(({ ms }) => ms)) ?? 0,
    ...(cpuMs !== undefined && { cpuMs }),
    ...(fetches !== undefined && { fetches }),
  };
}

const count = (fetches: NonNullable<Cost['fetches']>): number =>
  Object.values(fetches).reduce((all, each) => all + each, 0);

/** The lines of one operation: one where all is well, more where something differs. */
export function tell(compared: Compared): string {
  const { title, ours, theirs, data, errors, wording, unstable } = compared;
  const mark = isDifferent(compared) ? 'DIFFERENT' : 'same';
  const numbers = [
    `${ms(ours.ms)} against ${ms(theirs.ms)}`,
    ...(ours.cpuMs !== undefined && theirs.cpuMs !== undefined
      ? [`CPU ${ms(ours.cpuMs)} against ${ms(theirs.cpuMs)}`]
      : []),
    ...(ours.fetches !== undefined ? [`fetches ${fetchesText(ours.fetches, theirs.fetches)}`] : []),
  ];
  return [
    `${mark.padEnd(9)} ${title}  (${numbers.join(', ')})`,
    ...data.map((place) => `    data    ${place}`),
    ...errors.map((text) => `    errors  ${text}`),
    ...wording.map((text) => `    worded  ${text}`),
    ...unstable.map((place) => `    changes from round to round, not compared: ${place}`),
  ].join('\n');
}

/** Of each subgraph where the sides differ, else their number. */
function fetchesText(ours: NonNullable<Cost['fetches']>, theirs: Cost['fetches']): string {
  if (theirs === undefined) return String(count(ours));
  const differing = [...new Set([...Object.keys(ours), ...Object.keys(theirs)])].filter(
    (name) => ours[name] !== theirs[name],
  );
  const told = differing.map((name) => `${name} ${ours[name] ?? 0} against ${theirs[name] ?? 0}`).join(', ');
  return differing.length === 0 ? String(count(ours)) : `${count(ours)} against ${count(theirs)}: ${told}`;
}

export function tellTotal({ sides, total, passedOver }: Report): string {
  const { compared, different, worded, ours, theirs } = total;
  const ratio = (our: number, their: number): string => (their === 0 ? '' : ` (${(our / their).toFixed(2)} times)`);
  return [
    `${compared} ${compared === 1 ? 'operation' : 'operations'} on ${sides[0]} and ${sides[1]}: ${different} different, ${worded} with errors in other words.`,
    `Time ${ms(ours.ms)} against ${ms(theirs.ms)}${ratio(ours.ms, theirs.ms)}.`,
    ...(ours.cpuMs !== undefined && theirs.cpuMs !== undefined
      ? [`CPU ${ms(ours.cpuMs)} against ${ms(theirs.cpuMs)}${ratio(ours.cpuMs, theirs.cpuMs)}.`]
      : []),
    ...(ours.fetches !== undefined && theirs.fetches !== undefined
      ? [`Fetches ${ours.fetches} against ${theirs.fetches}.`]
      : []),
    ...passedOver.map(({ title, why }) => `Passed over: ${title}, since ${why.replace(/\.$/, '')}.`),
  ].join('\n');
}

const ms = (milliseconds: number): string =>
  `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`;
