/** Introspection below the root: as text, in events, and what it costs. `conformance/introspection-below` has the rest. */
import { NoSchemaIntrospectionCustomRule, parse, validate, type ExecutionResult } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JsonText } from '#gateway/respond/json-text.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { Budget } from '#subgraphs/shared/budget.ts';
import { received, testContext, type Federation } from './federation.ts';
import { federateIntrospected } from './introspected.ts';
import folder from './conformance/introspection-below/case.ts';

let federation: Federation;
beforeAll(async () => {
  federation = await federateIntrospected();
});
afterAll(() => federation.engine.close());

describe('as text, as HTTP sends it', () => {
  test.each(Object.entries(folder.operations))('%s', async (_, { query, variables, data }) => {
    const document = parse(query);
    const result = await federation.engine.execute({ document, variables, context: testContext(), asText: true });
    expect((result.data as unknown as JsonText).text).toBe(JSON.stringify(data));
  });
});

test('in the payload of an event', async () => {
  const document = parse('subscription { changes { query { __type(name: "Thing") { name } other } thing { name } } }');
  const stream = await federation.engine.subscribe({ document, context: testContext() });
  const events: ExecutionResult[] = [];
  for await (const event of stream as AsyncIterable<ExecutionResult>) events.push(received(event));
  expect(events).toEqual([
    { data: { changes: { query: { __type: { name: 'Thing' }, other: 'o' }, thing: { name: 'n' } } } },
  ]);
});

test('it counts at every place, and a rule that turns it off sees it below the root', () => {
  const { schema, cost } = federation.engine;
  const of = (query: string) => cost!.of(parse(query), undefined, {});
  const once = of('{ __schema { types { name } } }');
  expect(of('{ self { __schema { types { name } } } }')).toBeGreaterThanOrEqual(once);
  expect(of('{ selves { __schema { types { name } } } }')).toBeGreaterThan(10 * once);
  const refused = validate(schema, parse('{ self { __type(name: "Thing") { name } } }'), [
    NoSchemaIntrospectionCustomRule,
  ]);
  expect(refused).not.toEqual([]);
});

test('what is repeated in an answer is charged to the request', async () => {
  const schemaText = '{ selves { __schema { types { name fields { name description } } } } }';
  const principal = { tenantId: 'test', subject: 'tester', roles: [], scopes: [] };
  for (const asText of [true, false]) {
    const budget = new Budget({ nodes: 10_000, bytes: 500 });
    const context = createRequestContext(principal, { budget });
    const { errors } = await federation.engine.execute({ document: parse(schemaText), context, asText });
    expect(errors?.[0]?.extensions.code).toBe('QUERY_TOO_COSTLY');
  }
});
