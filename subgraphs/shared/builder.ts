/**
 * The Pothos builder that every subgraph starts from, with the types that several subgraphs share. Shared types come
 * from here alone: differing copies would lose fields silently on composition.
 */
import SchemaBuilder from '@pothos/core';
import DirectivesPlugin from '@pothos/plugin-directives';
import FederationPlugin from '@pothos/plugin-federation';
import type { GraphQLSchema } from 'graphql';
import type { SubgraphBuilder, SubgraphTypes } from './builder-types.ts';
import { CONDITION_DIRECTIVES, CONDITIONS_LINK } from './conditions.ts';
import { usedDirectives } from './cost.ts';
import { describeScopes } from './scopes.ts';
import { subgraphSdl } from './subgraph-sdl.ts';
import { addSharedTypes, type ExactScalars, type SharedTypes } from './shared-types.ts';

/** The federation version of every subgraph and of supergraph.yaml. */
export const FEDERATION_LINK = 'https://specs.apollo.dev/federation/v2.9';

/** One subgraph's builder and the shared types made in it. */
export interface SubgraphSchema {
  readonly builder: SubgraphBuilder;
  readonly shared: SharedTypes;
  /** Builds the executable subgraph schema, `_entities` and `_service` included. */
  build(): GraphQLSchema;
}

/**
 * Starts a subgraph's schema.
 * @param roots which root types the subgraph has fields on (a root type without fields is an error)
 * @param scalars whether values keep what JavaScript's own types do not hold
 */
export function createSubgraphSchema(
  roots: { query?: boolean; mutation?: boolean; subscription?: boolean } = { query: true },
  scalars?: ExactScalars,
): SubgraphSchema {
  const builder: SubgraphBuilder = new SchemaBuilder<SubgraphTypes>({
    plugins: [DirectivesPlugin, FederationPlugin],
  });
  if (roots.query) builder.queryType({ description: "Reads. Every field sees only the caller's tenant." });
  if (roots.mutation)
    builder.mutationType({ description: 'Writes. The fields of one operation run one after the other.' });
  if (roots.subscription) builder.subscriptionType({ description: 'Streams, over graphql-ws or server-sent events.' });
  return {
    builder,
    shared: addSharedTypes(builder, scalars),
    build: () => {
      const used = usedDirectives(builder.toSchema());
      const own = used.filter((name) => CONDITION_DIRECTIVES.has(name.slice(1)));
      const schema = describeScopes(
        builder.toSubGraphSchema({
          linkUrl: FEDERATION_LINK,
          federationDirectives: used.filter((name) => !own.includes(name)) as never,
          ...(own.length === 0
            ? {}
            : {
                // They are kept in the supergraph, whoever composes it.
                composeDirectives: own as never,
                directives: own.map((name) => CONDITION_DIRECTIVES.get(name.slice(1))!),
                schemaDirectives: { link: { url: CONDITIONS_LINK, import: own } },
              }),
        }),
      );
      // Whoever asks a subgraph for its schema is told what is committed.
      const service = schema.getQueryType()?.getFields()['_service'];
      if (service) service.resolve = () => ({ sdl: subgraphSdl(schema) });
      return schema;
    },
  };
}
