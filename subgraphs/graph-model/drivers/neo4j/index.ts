/** Nodes of the operator's own labels, in Neo4j. */
import { CodedError } from '#subgraphs/shared/errors.ts';
import { Neo4jClient, type Neo4jOptions } from '#subgraphs/shared/neo4j/neo4j.ts';
import type { GraphModelDriver } from '../../driver.ts';

/**
 * The client has connections of its own, beside those of the graph contract: here whole numbers must come exactly, and
 * the client knows this for a whole driver only.
 */
export function createNeo4jModelDriver(options: Neo4jOptions): GraphModelDriver {
  const client = new Neo4jClient(options, { exactIntegers: true });
  return {
    read: (context, cypher, parameters) =>
      client.transaction(context, 'executeRead', async (run) => {
        try {
          return await run(cypher, parameters);
        } catch (error) {
          throw withoutApoc(error) ?? error;
        }
      }),
    health: () => client.health(),
    close: () => client.close(),
  };
}

/** What the library asks of APOC, a server without it does not know. */
function withoutApoc(error: unknown): CodedError | undefined {
  if (
    !(error instanceof Error) ||
    !/Unknown (function|procedure) 'apoc\.|There is no (function|procedure) with the name `apoc\./.test(error.message)
  )
    return undefined;
  return new CodedError('STORE_UNAVAILABLE', 'Neo4j has no APOC, which this field needs.', {
    cause: error,
    hint: 'Install APOC core on the server at NEO4J_URI.',
  });
}
