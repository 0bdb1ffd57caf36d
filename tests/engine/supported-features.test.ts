/** A supergraph that demands what the engine does not enforce is refused before it serves anything. */
import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';
import { describe, expect, test } from 'vitest';
import { createEngine } from '#gateway/execute/engine.ts';
import { RootRequirements } from '#gateway/plan/root-requires.ts';
import { UnsupportedFeatures } from '#gateway/plan/supported-features.ts';

function composed(imports: string, typeDefs: string, more = ''): string {
  const link = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.14", import: [${imports}]) ${more}\n`;
  const { supergraphSdl, errors } = composeServices([{ name: 'a', url: 'http://a', typeDefs: parse(link + typeDefs) }]);
  if (supergraphSdl === undefined) throw new Error(errors?.map(({ message }) => message).join('\n'));
  return supergraphSdl;
}

const load = async (supergraphSdl: string) => {
  const engine = await createEngine({ supergraphSdl, clients: new Map() });
  await engine.close();
};

const CONNECTED = composed(
  '"@key"',
  'type Query { open: String @connect(http: { GET: "http://a/" }, selection: "$") }',
  '@link(url: "https://specs.apollo.dev/connect/v0.1", import: ["@connect"])',
);
const AUTHENTICATED = composed('"@authenticated"', 'type Query { open: Int secret: Int @authenticated }');
const UNKNOWN = composed('"@key"', 'type Query { open: Int }').replace(
  '{\n  query: Query',
  '  @link(url: "https://example.com/guards/v1.0", for: SECURITY)\n{\n  query: Query',
);

describe('a supergraph is refused whose demands are not enforced', () => {
  test.each([
    ['@connect', CONNECTED, 'specs.apollo.dev/connect/v0.'],
    ['a feature for: SECURITY that nobody knows', UNKNOWN, 'https://example.com/guards/v1.0'],
    ['@connect without for:', CONNECTED.replaceAll(', for: EXECUTION', ''), 'specs.apollo.dev/connect/v0.'],
    [
      'a later version without for:',
      AUTHENTICATED.replaceAll(', for: SECURITY', '').replace('authenticated/v0.1', 'authenticated/v9.0'),
      'authenticated/v9.0',
    ],
    ['a later version', AUTHENTICATED.replace('authenticated/v0.1', 'authenticated/v9.0'), 'authenticated/v9.0'],
  ])('%s', async (_, sdl, url) => {
    await expect(load(sdl)).rejects.toThrow(UnsupportedFeatures);
    await expect(load(sdl)).rejects.toThrow(url);
  });

  test('what is enforced is served', async () => {
    await load(
      composed(
        '"@key", "@tag", "@inaccessible", "@shareable", "@authenticated"',
        'type Query { open: Int @tag(name: "x") hidden: Int @inaccessible secret: Int @authenticated }',
      ),
    );
  });
});

describe('a supergraph composed elsewhere whose root fields require others is refused', () => {
  const LINK = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])';
  const { supergraphSdl } = composeServices([
    {
      name: 'owner',
      url: 'http://owner',
      typeDefs: parse(`${LINK} type Query { region: String } type Mutation { set: Int }`),
    },
    {
      name: 'asker',
      url: 'http://asker',
      typeDefs: parse(`${LINK} type Query { prices: Int } type Mutation { order: Int }`),
    },
  ]);
  test.each(['Query.prices', 'Mutation.order'])('%s', async (field) => {
    const name = field.split('.')[1]!;
    // Not every composer refuses it.
    const requiring = supergraphSdl!.replace(
      `  ${name}: Int @join__field(graph: ASKER`,
      `  ${name}: Int @join__field(graph: ASKER, requires: "region"`,
    );
    const line = requiring.split('\n').findIndex((each) => each.includes('requires: "region"')) + 1;
    await expect(load(requiring)).rejects.toThrow(RootRequirements);
    await expect(load(requiring)).rejects.toThrow(
      `supergraph:${line}: REQUIRES_ON_ROOT_FIELD: The field ${field} has @requires, but a root type has no object whose ` +
        'other fields could be sent. Give it an argument for what it needs, or move it to an entity that has the ' +
        'required fields. It is of the subgraph ASKER.',
    );
  });
});
