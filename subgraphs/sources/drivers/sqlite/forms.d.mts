/** Kinds of which values have several forms in SQLite. */
export type FormedKind = 'decimal' | 'moment' | 'localMoment' | 'date' | 'localTime';

/** What the base64 of a text begins with that is no UTF-8, has a NUL, or begins so itself; of private characters. */
export const ENCODED: string;

/**
 * A text that is the same for equal values, and sorts as they do.
 * @param value as SQLite keeps it
 * @returns null for what is no value of the kind
 */
export function formOf(kind: FormedKind, value: unknown): string | null;

/** A decimal written out, without an exponent; undefined for what is none. */
export function decimalOf(value: unknown): string | undefined;

/** A moment that is kept as a number, as ISO 8601 has it: seconds since 1970, milliseconds from 10^11 on, or a Julian day. */
export function momentText(value: unknown): string | undefined;

/** The decimal of a form, without zeros that it does not need. */
export function decimalOfForm(form: string): string;

/** The time of a form, likewise. */
export function timeOfForm(form: string): string;
