/** On Neo4j and Qdrant where they are given; otherwise on what is embedded. */
import { givenGraphAndVectors } from '#tests/setup/given-stores.ts';
import { testSimilarity } from './similarity.ts';

testSimilarity(givenGraphAndVectors);
