/** Neo4j and Qdrant where they are given; otherwise what is embedded. */
import { NEO4J, neo4jVariables } from '#tests/setup/given-stores.ts';
import { testSimilarity } from './similarity.ts';

const QDRANT = process.env['TEST_QDRANT_URL'] ?? '';
testSimilarity(() => ({
  ...(NEO4J.uri === undefined ? {} : neo4jVariables(NEO4J.uri)),
  ...(QDRANT === '' ? {} : { QDRANT_URL: QDRANT, QDRANT_API_KEY: process.env['TEST_QDRANT_API_KEY'] ?? '' }),
}));
