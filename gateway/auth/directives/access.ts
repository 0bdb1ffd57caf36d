/** What one caller may be shown of one operation's answer. */
import { anonymousRefused, forbidden, type CodedError } from '#subgraphs/shared/errors.ts';
import { missingScopes } from '#subgraphs/shared/scopes.ts';
import type { AccessRules } from './access-rules.ts';
import type { Alternatives, Clause, Clauses } from './clauses.ts';

/** What a caller has been granted. */
export interface Grants {
  /** Whether the caller has presented who he is. */
  readonly authenticated: boolean;
  readonly scopes: ReadonlySet<string>;
  /** Of the policies that were asked for, those that hold. */
  readonly policies: ReadonlySet<string>;
  /** Said where a policy does not hold, when there is a reason besides the caller. */
  readonly policyHint?: string;
}

/** What is done with the fields that operations begin with; others are seen. */
const DOING: Readonly<Record<string, string>> = { Mutation: 'call', Query: 'ask for', Subscription: 'subscribe to' };

/** Decides by the clauses that are met; callers who meet the same of them are shown the same. */
export class Access {
  /** Which of the clauses are met, as text. Empty where nothing that the operation meets is protected. */
  readonly key: string;
  readonly #rules: AccessRules;
  readonly #grants: Grants | undefined;
  readonly #unmet = new Set<number>();

  /**
   * @param clauses all that the operation may meet
   * @param grants undefined for the server's own work, to which all is open
   */
  constructor(rules: AccessRules, clauses: readonly number[], grants: Grants | undefined) {
    this.#rules = rules;
    this.#grants = grants;
    let key = '';
    for (const clause of clauses) {
      const met = grants === undefined || isMet(rules.table.at(clause), grants);
      if (!met) this.#unmet.add(clause);
      key += met ? '1' : '0';
    }
    // What is said of a denial differs between those who may come again with a token and those who did.
    this.key = key === '' || grants?.authenticated !== false ? key : `${key}?`;
  }

  /** Whether everything is shown. */
  get isWhole(): boolean {
    return this.#unmet.size === 0;
  }

  /** Why objects of the type are not shown; undefined where they are. */
  ofType(type: string): CodedError | undefined {
    return this.isWhole ? undefined : this.#denial(this.#rules.ofType(type), 'see', `objects of type ${type}`);
  }

  /** Why the field of objects of the type is not shown; undefined where it is. */
  ofField(type: string, field: string): CodedError | undefined {
    const doing = DOING[type] ?? 'see';
    return this.isWhole ? undefined : this.#denial(this.#rules.ofField(type, field), doing, `${type}.${field}`);
  }

  #denial(needed: Clauses, doing: string, what: string): CodedError | undefined {
    const unmet = [...needed].filter((clause) => this.#unmet.has(clause));
    if (unmet.length === 0) return undefined;
    if (this.#grants?.authenticated === false) return anonymousRefused(`asks for ${what}`);
    return forbidden(`The caller may not ${doing} ${what}.`, { hint: this.#hint(unmet) });
  }

  #hint(unmet: readonly number[]): string | undefined {
    const clauses = unmet.map((number) => this.#rules.table.at(number));
    const scopes = clauses.flatMap((clause) => (clause.kind === 'scopes' ? [scopesText(clause.anyOf)] : []));
    if (scopes.length > 0) return missingScopes(scopes.join(', and '));
    return clauses.some(({ kind }) => kind === 'policies') ? this.#grants?.policyHint : undefined;
  }
}

function isMet(clause: Clause, grants: Grants): boolean {
  switch (clause.kind) {
    case 'authenticated':
      return grants.authenticated;
    case 'scopes':
      return has(grants.scopes, clause.anyOf);
    case 'policies':
      return has(grants.policies, clause.anyOf);
  }
}

const has = (had: ReadonlySet<string>, anyOf: Alternatives): boolean =>
  anyOf.some((all) => all.every((name) => had.has(name)));

const scopesText = (anyOf: Alternatives): string =>
  anyOf.map((all) => (all.length === 1 ? `the scope ${all[0]}` : `the scopes ${all.join(' and ')}`)).join(', or ');
