/** What the operator grants to roles, since few identity providers know of our scopes. */
import type { Principal } from '#subgraphs/shared/context.ts';
import { ALL_SCOPES, SCOPE_FORM, SPENDING } from '#subgraphs/shared/scopes.ts';

/** Scopes by role; those of `*` are everybody's who says who he is. */
export type RoleScopes = Readonly<Record<string, readonly string[]>>;

/** The name of every role, and of all scopes of this API. */
const ANY = '*';

/**
 * Reads `role=scope scope; role=scope`. Where `*` is a scope, it is all of this API's (those of other subgraphs are
 * named), and where it is a role, everybody's.
 * @returns undefined for a text that is not of this form, or names a role twice
 */
export function readRoleScopes(text: string): RoleScopes | undefined {
  const granted: Record<string, readonly string[]> = Object.create(null) as Record<string, readonly string[]>;
  for (const rule of text.split(/[;\n]/).map((part) => part.trim())) {
    if (rule === '') continue;
    const at = rule.lastIndexOf('=');
    const role = rule.slice(0, Math.max(at, 0)).trim();
    const scopes = rule
      .slice(at + 1)
      .split(/[\s,]+/)
      .filter((scope) => scope !== '');
    if (role === '' || scopes.length === 0 || granted[role] !== undefined) return undefined;
    if (!scopes.every((scope) => SCOPE_FORM.test(scope))) return undefined;
    granted[role] = [...new Set(scopes.flatMap((scope): readonly string[] => (scope === ANY ? ALL_SCOPES : [scope])))];
  }
  return granted;
}

/** Who somebody is, with what his roles are granted. */
export function scopesOfRoles(principal: Principal, granted: RoleScopes): Principal {
  const scopes = [ANY, ...principal.roles].flatMap((role) => granted[role] ?? []);
  return scopes.length === 0
    ? principal
    : Object.freeze({ ...principal, scopes: Object.freeze([...new Set([...principal.scopes, ...scopes])]) });
}

/**
 * Who somebody is who asks by `GET`: whoever may spend does not do it by a link, which a browser may follow for him, or fetch
 * ahead.
 */
export function withoutSpending(principal: Principal): Principal {
  const scopes = principal.scopes.filter((scope) => scope !== SPENDING);
  return scopes.length === principal.scopes.length
    ? principal
    : Object.freeze({ ...principal, scopes: Object.freeze(scopes) });
}
