/** Literals of `JSON` with variables in them: a subgraph that runs apart is given them as the client wrote them. */
import { type GraphQLScalarType, parse, parseValue, validate } from 'graphql';
import { expect, test } from 'vitest';
import { subgraphSchemas } from '#ops/schema.ts';

const JSON_SCALAR = (await subgraphSchemas()).runs.getType('JSON') as GraphQLScalarType;

test('are valid before their variables are known', async () => {
  const { runs } = await subgraphSchemas();
  const document = parse(
    'mutation ($id: ID!, $n: Int) { appendRunEvents(input: { runId: "run_1", events: [{ type: CUSTOM, payload: { name: "n", value: [$n, { id: $id }] } }] }) { events { sequence } } }',
  );
  expect(validate(runs, document)).toEqual([]);
});

test('have what their variables say; of one that is left out no field, and null in a list', () => {
  const read = (text: string, variables: Record<string, unknown>): unknown =>
    JSON_SCALAR.parseLiteral(parseValue(text), variables);
  expect(read('{ a: $a, b: [$a, 1], c: { d: $a } }', { a: 'x' })).toEqual({ a: 'x', b: ['x', 1], c: { d: 'x' } });
  expect(read('{ a: $a, b: [$a, 1], c: { d: $a } }', {})).toEqual({ b: [null, 1], c: {} });
  expect(read('{ a: $a }', { a: null })).toEqual({ a: null });
  // Within bounds, as ever.
  expect(() => read('{ a: $a }', { a: '\0' })).toThrow('NUL');
});
