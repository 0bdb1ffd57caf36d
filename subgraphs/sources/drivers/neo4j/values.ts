/** Values of Neo4j as texts, numbers and JSON. */
import neo4j from 'neo4j-driver';
import { ExactNumber } from '#subgraphs/shared/exact-number.ts';
import type { JsonValue } from '#subgraphs/shared/json.ts';
import type { ValueKind } from '../../driver.ts';

/** @returns undefined where there is none, and for numbers that are none */
export function storedOf(value: unknown): JsonValue | undefined {
  if (value === null || value === undefined) return undefined;
  if (neo4j.isInt(value)) return new ExactNumber(value.toString());
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (Array.isArray(value)) return value.map((item) => storedOf(item) ?? null);
  if (value instanceof Int8Array) return Buffer.from(value).toString('base64');
  // `2026-01-31T09:30:00+01:00[Europe/Berlin]`: the offset says the moment.
  if (neo4j.isDateTime(value)) return value.toString().replace(/\[.*\]$/, '');
  if (neo4j.isPoint(value)) return pointOf(value);
  return String(value);
}

const pointOf = ({ srid, x, y, z }: { srid: unknown; x: number; y: number; z?: number }): JsonValue => ({
  srid: Number(String(srid)),
  x,
  y,
  ...(z === undefined ? {} : { z }),
});

/** What a value is; of a list, what its items are. */
export function kindOf(value: unknown): ValueKind {
  if (neo4j.isInt(value)) return 'bigint';
  if (typeof value === 'number') return 'float';
  if (typeof value === 'boolean') return 'boolean';
  if (neo4j.isDateTime(value as object)) return 'moment';
  if (neo4j.isLocalDateTime(value as object)) return 'localMoment';
  if (neo4j.isDate(value as object)) return 'date';
  if (neo4j.isPoint(value as object)) return 'json';
  return 'text';
}
