/**
 * The tenant in every node pattern of every statement.
 *
 * The library's authorization rules guard the nodes that are answered. They do not guard those that a filter, a sort or
 * an aggregation looks at on the way: `movies(where: { actors: { some: { name: … } } })` would tell of another tenant's
 * actors where a relation crosses tenants. All its Cypher is made of `Pattern`s of `@neo4j/cypher-builder`, so that is
 * where the tenant is put in: a node of another tenant matches no pattern, whatever a statement is for.
 */
import Cypher from '@neo4j/cypher-builder';

/** The parameter that holds the tenant. */
export const TENANT_PARAMETER = 'tributaryTenant';

/**
 * Stands for the tenant's property until the statement is run, since models differ in it and `Pattern` is one for all.
 */
const PLACEHOLDER = 'tributary tenant';

/** As patterns show it; what users send is never part of a statement's text. */
const IN_PATTERN = `\`${PLACEHOLDER}\`: $${TENANT_PARAMETER}`;

type Compile = (this: { properties?: Record<string, Cypher.Expr> }, env: unknown) => string;

let guarded = false;

/** Makes every node pattern name the tenant, in this whole process. Nothing but the library builds Cypher so. */
export function guardPatterns(): void {
  if (guarded) return;
  guarded = true;
  const prototype = Cypher.Pattern.prototype as unknown as { getCypher: Compile };
  const compile = prototype.getCypher;
  prototype.getCypher = function (env) {
    const { properties } = this;
    this.properties = { ...properties, [PLACEHOLDER]: new Cypher.Raw(`$${TENANT_PARAMETER}`) };
    try {
      return compile.call(this, env);
    } finally {
      this.properties = properties;
    }
  };
}

/**
 * Puts the tenant's property into a statement.
 * @throws when the statement does not name the tenant: then it was not made of guarded patterns
 */
export function withTenantProperty(cypher: string, property: string): string {
  if (!cypher.includes(IN_PATTERN)) throw new Error('A statement without the tenant was kept from the store.');
  return cypher.replaceAll(`\`${PLACEHOLDER}\``, `\`${property.replaceAll('`', '``')}\``);
}
