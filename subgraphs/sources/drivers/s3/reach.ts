/** What part of a bucket a filter can be met in: by what keys begin with, from where to where, or which they are. It may reach too far, never too short. */
import { compareCodePoints } from '#subgraphs/shared/code-points.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import type { Relation } from '../../driver.ts';
import { FOLDER, KEY, PATH, placeOf } from './columns.ts';

/** Keys that begin with `prefix` and are between `from` and `to`, themselves included; of `keys` where there are any. */
export interface Reach {
  readonly prefix: string;
  readonly from?: string;
  readonly to?: string;
  readonly keys?: readonly string[];
}

const EVERYWHERE: Reach = { prefix: '' };
const NOWHERE: Reach = { prefix: '', keys: [] };

/** @returns no keys where nothing can match */
export function reachOf(relation: Relation, tenantId: string, where: Condition | undefined): Reach {
  const { prefix } = placeOf(relation.table);
  const base = { prefix: baseOf(relation, tenantId) };
  return where === undefined ? base : both(base, met(relation, prefix, base.prefix, where));
}

/** What all keys of the caller begin with. */
export const baseOf = ({ table, tenant }: Relation, tenantId: string): string => {
  const { prefix } = placeOf(table);
  if (tenant === undefined) return prefix;
  if (tenant.name === FOLDER) return `${prefix}${tenantId}/`;
  // By another column each object is looked at.
  return prefix;
};

function met(relation: Relation, prefix: string, base: string, condition: Condition): Reach {
  switch (condition.kind) {
    case 'and':
      return condition.of.map((part) => met(relation, prefix, base, part)).reduce(both, EVERYWHERE);
    case 'or':
      return condition.of.map((part) => met(relation, prefix, base, part)).reduce(either, NOWHERE);
    case 'compare':
    case 'in':
    case 'startsWith': {
      const { name } = relation.columns[condition.column]!;
      // What stands before the column's value in every key of the caller.
      const before = name === KEY ? '' : name === PATH && base !== prefix ? base : undefined;
      if (name === FOLDER) return inFolders(prefix, condition);
      if (before === undefined) return EVERYWHERE;
      if (condition.kind === 'in') return { prefix: '', keys: [...new Set(condition.values.map((value) => before + String(value)))] }; // prettier-ignore
      if (condition.kind === 'startsWith') return { prefix: before + condition.text };
      const key = before + String(condition.value);
      if (condition.operator === '=') return { prefix: '', keys: [key] };
      return condition.operator.startsWith('>') ? { prefix: before, from: key } : { prefix: before, to: key };
    }
    default:
      return EVERYWHERE;
  }
}

function inFolders(prefix: string, condition: Condition): Reach {
  const folder = (value: unknown): Reach => ({ prefix: `${prefix}${String(value)}/` });
  if (condition.kind === 'in') return condition.values.map(folder).reduce(either, NOWHERE);
  if (condition.kind === 'startsWith') return { prefix: prefix + condition.text };
  return condition.kind === 'compare' && condition.operator === '=' ? folder(condition.value) : EVERYWHERE;
}

const isIn = (key: string, { prefix, from, to }: Reach): boolean =>
  key.startsWith(prefix) &&
  (from === undefined || compareCodePoints(key, from) >= 0) &&
  (to === undefined || compareCodePoints(key, to) <= 0);

const further = (a: string | undefined, b: string | undefined, way: 1 | -1): string | undefined =>
  a === undefined || b === undefined ? (a ?? b) : compareCodePoints(a, b) * way > 0 ? a : b;

function both(a: Reach, b: Reach): Reach {
  if (a.keys !== undefined && b.keys !== undefined) {
    const others = new Set(b.keys);
    return { prefix: '', keys: a.keys.filter((key) => others.has(key)) };
  }
  const [listed, other] = a.keys === undefined ? [b, a] : [a, b];
  if (listed.keys !== undefined) return { prefix: '', keys: listed.keys.filter((key) => isIn(key, other)) };
  const [short, long] = a.prefix.length < b.prefix.length ? [a, b] : [b, a];
  if (!long.prefix.startsWith(short.prefix)) return NOWHERE;
  return { prefix: long.prefix, from: further(a.from, b.from, 1), to: further(a.to, b.to, -1) };
}

function either(a: Reach, b: Reach): Reach {
  if (a.keys?.length === 0) return b;
  if (b.keys?.length === 0) return a;
  if (a.keys !== undefined && b.keys !== undefined) return { prefix: '', keys: [...new Set([...a.keys, ...b.keys])] };
  const [one, other] = [listedOf(a), listedOf(b)];
  return {
    prefix: common(one.prefix, other.prefix),
    ...(one.from === undefined || other.from === undefined ? {} : { from: further(one.from, other.from, -1)! }),
    ...(one.to === undefined || other.to === undefined ? {} : { to: further(one.to, other.to, 1)! }),
  };
}

/**
 * Whether a server may take a key for another's: those that keep objects as files lead `acme/../other/x` out of the folder,
 * and `acme//x` to `acme/x`; with `\` some too. What is listed has its true key.
 */
export const isAmbiguous = (key: string): boolean => firstAmbiguous(key.split(/[/\\]/), true) >= 0;

/** As much of a prefix as means the same to every server. */
export function plainPrefix(prefix: string): string {
  const parts = prefix.split('/');
  const odd = firstAmbiguous(parts, false);
  return odd < 0
    ? prefix
    : parts
        .slice(0, odd)
        .map((part) => `${part}/`)
        .join('');
}

/** @param whole whether a last part that is empty counts too: consoles mark folders so, and prefixes end so */
const firstAmbiguous = (parts: readonly string[], whole: boolean): number =>
  parts.findIndex(
    (part, index) => part === '.' || part === '..' || (part === '' && (whole || index < parts.length - 1)),
  );

/** Single keys as what is listed to find them. */
export function listedOf(reach: Reach): Reach {
  const { keys } = reach;
  if (keys === undefined || keys.length === 0) return reach;
  return {
    prefix: keys.reduce(common),
    from: keys.reduce((a, b) => further(a, b, -1)!),
    to: keys.reduce((a, b) => further(a, b, 1)!),
  };
}

function common(a: string, b: string): string {
  let length = 0;
  while (length < a.length && a.charCodeAt(length) === b.charCodeAt(length)) length += 1;
  // Not in the middle of a character of two units.
  return a.slice(0, /[\ud800-\udbff]/.test(a.charAt(length - 1)) ? length - 1 : length);
}
