/**
 * What a protected element demands: clauses, all of which must hold. A clause is `@authenticated`, or alternatives of
 * scopes or policies (`[["a", "b"], ["c"]]` is a and b, or c).
 */
import { Kind, type ConstValueNode } from 'graphql';
import { AUTH } from '#gateway/bounds/auth.ts';

/** Alternatives, of each of which all must be had. None can be met where there is none. */
export type Alternatives = readonly (readonly string[])[];

export type Clause =
  | { readonly kind: 'authenticated' }
  | { readonly kind: 'scopes'; readonly anyOf: Alternatives }
  | { readonly kind: 'policies'; readonly anyOf: Alternatives };

/** Numbers of clauses in a {@link ClauseTable}: equal clauses have one number. */
export type Clauses = ReadonlySet<number>;

export const NO_CLAUSES: Clauses = new Set();

/** All clauses of a supergraph. */
export class ClauseTable {
  readonly #clauses: Clause[] = [];
  readonly #numbers = new Map<string, number>();

  get size(): number {
    return this.#clauses.length;
  }

  at(number: number): Clause {
    return this.#clauses[number]!;
  }

  /** The number of the clause, a new one where it is new. */
  add(clause: Clause): number {
    const text = clause.kind === 'authenticated' ? clause.kind : JSON.stringify([clause.kind, sorted(clause.anyOf)]);
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.#clauses.push(clause) - 1;
      this.#numbers.set(text, number);
    }
    return number;
  }

  /**
   * Whether whoever meets all of `given` meets `clause` too. Where that takes too long to tell, it does not: more is
   * demanded then, never less.
   */
  implies(given: Iterable<number>, clause: number): boolean {
    const wanted = this.at(clause);
    const same: Clause[] = [];
    for (const number of given) {
      if (number === clause) return true;
      const candidate = this.at(number);
      if (candidate.kind === wanted.kind) same.push(candidate);
    }
    if (wanted.kind === 'authenticated') return same.length > 0;
    let together: (readonly string[])[] = [[]];
    for (const candidate of same) {
      if (candidate.kind === 'authenticated') continue;
      together = together.flatMap((one) => candidate.anyOf.map((other) => [...one, ...other]));
      if (together.length > AUTH.combinations) return false;
    }
    return together.every((had) => wanted.anyOf.some((all) => all.every((name) => had.includes(name))));
  }
}

const sorted = (anyOf: Alternatives): string[] => anyOf.map((all) => JSON.stringify([...new Set(all)].sort())).sort();

/** Reads `[["a", "b"], ["c"]]`. As GraphQL coerces lists, `"a"` is `[["a"]]` and `["a", "b"]` is `[["a"], ["b"]]`. */
export function alternativesOf(value: ConstValueNode | undefined): Alternatives {
  if (value === undefined) return [];
  return itemsOf(value).map((item) =>
    itemsOf(item).map((name) => (name.kind === Kind.STRING || name.kind === Kind.ENUM ? name.value : '')),
  );
}

const itemsOf = (value: ConstValueNode): readonly ConstValueNode[] =>
  value.kind === Kind.LIST ? value.values : [value];
