/** How the halves of the driver ask Neo4j. */

/** Runs one counted statement with the tenant among its parameters. */
export type Query = <Row>(cypher: string, parameters?: Record<string, unknown>) => Promise<Row[]>;
