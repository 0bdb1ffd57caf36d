/** A proof at start that statements are guarded, so that a change in the library ends the start and not the tenancy. */
import { execute, getNamedType, parse } from 'graphql';
import type { GraphQLSchema } from 'graphql';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { libraryContext } from '../model/library.ts';

/**
 * Has every root field made into a statement that goes nowhere, and looks at each node pattern in it.
 * @throws when one does not name the tenant
 */
export async function proveTenancy(library: GraphQLSchema, tenantProperty: string): Promise<void> {
  const context = createRequestContext({ tenantId: 'nobody', subject: 'system:start', roles: [], scopes: [] });
  for (const field of Object.values(library.getQueryType()!.getFields())) {
    const statements: string[] = [];
    const record = async (_: unknown, cypher: string): Promise<unknown> => {
      statements.push(cypher);
      return Promise.resolve({ records: [], summary: { counters: { updates: () => ({}) } } });
    };
    const result = await execute({
      schema: library,
      document: parse(`{ ${field.name} ${selectionOf(getNamedType(field.type).name)} }`),
      contextValue: libraryContext(context, record, tenantProperty),
    });
    const property = `{ \`${tenantProperty}\`: `;
    const bare = statements.find((cypher) => nodePatterns(cypher).some((pattern) => !pattern.includes(property)));
    if (statements.length === 0 || bare !== undefined) {
      throw new Error(
        `The Cypher of ${field.name} does not name the tenant in every node pattern, so the model is not served.`,
        { cause: result.errors?.[0] },
      );
    }
  }
}

const selectionOf = (type: string): string => (type.endsWith('Connection') ? '{ totalCount }' : '{ __typename }');

/** Patterns of nodes in generated Cypher: parentheses that hold a variable or nothing, labels, and properties. */
const nodePatterns = (cypher: string): string[] => cypher.match(/\((?:[A-Za-z]\w*)?:[^()]*\)/g) ?? [];
