/**
 * Finds `@authenticated`, `@requiresScopes` and `@policy` on the elements of a supergraph, whatever names they have been
 * imported under (https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/directives).
 */
import type { ConstDirectiveNode, DocumentNode } from 'graphql';
import { argumentOf, directiveName, linksOf } from '#gateway/plan/links.ts';
import { alternativesOf, type Clause, type ClauseTable, type Clauses } from './clauses.ts';

const GUARDS = ['authenticated', 'requiresScopes', 'policy'] as const;

type Guard = (typeof GUARDS)[number];

/** Reads the guards of elements. */
export class GuardReader {
  readonly #table: ClauseTable;
  /** What directives are, by their names in this supergraph. */
  readonly #names = new Map<string, Guard>();

  constructor(supergraph: DocumentNode, table: ClauseTable) {
    this.#table = table;
    const links = linksOf(supergraph);
    for (const guard of GUARDS) {
      const name = directiveName(links, guard);
      if (name !== undefined) this.#names.set(name, guard);
    }
  }

  /** The clauses of one element. */
  read(directives: readonly ConstDirectiveNode[] = []): Clauses {
    const found = new Set<number>();
    for (const directive of directives) {
      const guard = this.#names.get(directive.name.value);
      if (guard !== undefined) found.add(this.#table.add(clauseOf(guard, directive)));
    }
    return found;
  }
}

function clauseOf(guard: Guard, directive: ConstDirectiveNode): Clause {
  switch (guard) {
    case 'authenticated':
      return { kind: 'authenticated' };
    case 'requiresScopes':
      return { kind: 'scopes', anyOf: alternativesOf(argumentOf(directive, 'scopes')) };
    case 'policy':
      return { kind: 'policies', anyOf: alternativesOf(argumentOf(directive, 'policies')) };
  }
}
