/**
 * Caches that know things by their ids, as the set-ups make them, give what the server answered: nothing is taken for another
 * thing, whatever ways lead to it, and nothing lacks a key.
 */
import { getIntrospectionQuery, parse, type IntrospectionQuery } from 'graphql';
import { afterEach, beforeEach, describe, expect, test, vi, type MockInstance } from 'vitest';
import type { Library } from './library.ts';
import { apolloClient } from './setup/apollo.ts';
import { possibleTypes } from './setup/possible-types.ts';
import { urqlClient } from './setup/urql.ts';

/** Each goes in circles: what is asked of one thing in two places differs by what leads there, or does not. */
const OPERATIONS: Record<string, (library: Library) => string> = {
  'entities, from both ends of their relations': ({ hub }) => `{ entity(id: "${hub}") {
    id name kind properties
    relations(first: 5) { totalCount edges { relationId type direction cursor node {
      id name relations(first: 5) { edges { relationId direction node { id name } } }
      neighbors(first: 9) { edges { depth node { id name } } }
    } } }
    deepNeighbors(first: 5) { complete edges { depth node { id name neighbors(first: 5, depth: 2) { edges { depth node { id name } } } } } }
  } }`,
  'paths and counts': ({ others: [one, two] }) => `{
    shortestPath(from: "${one}", to: "${two}") { length nodes { id name } relations { id type from { id name } to { id name } } }
    facets { kinds { name count } relationTypes { name count } }
  }`,
  'what is found, and what is like it': () => `{ search(query: "text of one", first: 3) { edges { score node {
    id text index document { id title similar(first: 2) { edges { score node { id title } } } } similar(first: 2) { edges { score node { id text } } }
  } } } }`,
  'documents with all that belongs to them': () => `{ documents(first: 4, orderBy: [{ field: TITLE, direction: ASC }]) {
    totalCount nodes { id title } edges { cursor node {
      id title metadata file { key size checksum } indexing { store state } summary(maxSentences: 1) { text }
      chunks(first: 2) { nodes { id index } edges { cursor node { id text } } }
    } }
  } objects(first: 3) { edges { node { key text } } } }`,
  'runs and their events': ({ run }) => `{
    run(id: "${run}") { id status events(first: 20) { edges { cursor node { __typename ...Place payload run { id status } } } } }
    runs(first: 5) { edges { node { id status events(first: 1) { edges { node { ...Place } } } } } }
  } fragment Place on RunEvent { sequence type }`,
  'nodes of all types': ({ documents, hub, relation, run }) => `{
    nodes(ids: ["${documents[0]!.id}", "${hub}", "${relation}", "${run}"]) { ...Id ... on Document { title } ... on Entity { name } }
    node(id: "${relation}") { ...Id ... on GraphRelation { from { id name } to { id name } } }
  } fragment Id on Node { id }`,
  'models and records': () => `{
    models { id kind provider } tenant { id name }
    auditEntries(first: 3, orderBy: [{ field: CREATED_AT, direction: ASC }]) { edges { node { id action details } } }
  }`,
};

const withoutTypeNames = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (key, each: unknown) => (key === '__typename' ? undefined : each)));

export const caches = (library: () => Library): unknown =>
  describe('caches give what was answered', () => {
    let complaints: MockInstance[];
    beforeEach(() => {
      complaints = (['warn', 'error'] as const).map((method) => vi.spyOn(console, method));
    });
    afterEach(() => {
      for (const complaint of complaints) expect(complaint.mock.calls).toEqual([]);
      vi.restoreAllMocks();
    });

    test.each(Object.entries(OPERATIONS))('%s', async (_, of) => {
      const { url, ask } = library();
      const query = of(library());
      const answered = withoutTypeNames(await ask(query));
      const apollo = apolloClient(url, await possibleTypes(url));
      expect(withoutTypeNames((await apollo.query({ query: parse(query) })).data)).toEqual(answered);
      apollo.stop();
      const urql = urqlClient(url, (await ask(getIntrospectionQuery())) as IntrospectionQuery);
      const { data, error } = await urql.query(query, {}).toPromise();
      expect(error).toBeUndefined();
      expect(withoutTypeNames(data)).toEqual(answered);
    });
  });
