import { Kind, parse, type ObjectTypeDefinitionNode } from 'graphql';
import { expect, test } from 'vitest';

import { modelOf } from '#ops/graph-introspect/introspect.ts';
import { parseModel } from '#subgraphs/graph-model/model/file.ts';

const types = (text: string) =>
  parse(text).definitions.filter(
    (definition): definition is ObjectTypeDefinitionNode => definition.kind === Kind.OBJECT_TYPE_DEFINITION,
  );

test('a first model leaves the tenant and our own labels out, says what nobody would see, and is a model', () => {
  const {
    text,
    types: names,
    without,
  } = modelOf(
    types(`
      type OrbitsProperties @relationshipProperties { days: BigInt! }
      type MentionsProperties @relationshipProperties { position: BigInt! }
      type Planet @node @mutation(operations: []) { name: String! owner: String! orbitsStars: [Star!]! @relationship(type: "ORBITS", direction: OUT, properties: "OrbitsProperties", nestedOperations: []) }
      type Star @node(labels: ["Sun"]) { name: String! owner: String mentioned: [TributaryDocument!]! @relationship(type: "M", direction: IN, properties: "MentionsProperties") }
      type Comet @node { name: String! }
      type TributaryDocument @node { id: String! owner: String! stars: [Star!]! @relationship(type: "M", direction: OUT, properties: "MentionsProperties") }`),
    'owner',
  );
  expect([names, without]).toEqual([
    ['Planet', 'Star', 'Comet'],
    ['Star', 'Comet'],
  ]);
  expect(text).not.toMatch(/^[^#]*(owner:|Tributary|mutation|nestedOperations|position)/m);
  expect(text).toContain('# Star: nodes without `owner` are seen by nobody.');
  expect(text).toContain('# Comet: no node has `owner`');
  expect([...parseModel(text, 'first.graphql').names].sort()).toEqual(['Comet', 'OrbitsProperties', 'Planet', 'Star']);
});
