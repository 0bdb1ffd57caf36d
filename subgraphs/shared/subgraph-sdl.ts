/** A subgraph's schema as text, with what `printSubgraphSchema` leaves out: the schema's description and where scalars are specified. */
import { printSubgraphSchema } from '@apollo/subgraph';
import { isScalarType, isSpecifiedScalarType, type GraphQLSchema } from 'graphql';

/** What `{ __schema { description } }` answers. Every subgraph says it, so that the supergraph does whichever are in it. */
const DESCRIPTION = `One API over the stores that agents keep their data in: documents and their chunks, the graph of what they name, search over them,
files, models, and runs with their events. Each caller sees the data of one tenant. Ids name their type (\`doc_…\`, \`run_…\`) and
\`node(id)\` finds any of them; lists are connections; a store that is down costs its own fields only. Every error has a stable
\`extensions.code\`, and where something can be done about it, a \`hint\`.`;

export function subgraphSdl(schema: GraphQLSchema): string {
  const roots = (['query', 'mutation', 'subscription'] as const).flatMap((operation) => {
    const type = schema.getRootType(operation as never);
    return type ? [`  ${operation}: ${type.name}`] : [];
  });
  let sdl = printSubgraphSchema(schema)
    .trimEnd()
    .replace(/^extend schema\n((?: .*\n)*)/, (_, directives: string) => {
      return `"""\n${DESCRIPTION}\n"""\nschema\n${directives}{\n${roots.join('\n')}\n}\n`;
    });
  for (const type of Object.values(schema.getTypeMap()))
    if (isScalarType(type) && !isSpecifiedScalarType(type) && type.specifiedByURL)
      sdl = sdl.replace(
        new RegExp(`^scalar ${type.name}$`, 'm'),
        `scalar ${type.name} @specifiedBy(url: ${JSON.stringify(type.specifiedByURL)})`,
      );
  return `${sdl}\n`;
}
