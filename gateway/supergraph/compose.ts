/** Composition of subgraph schemas into one supergraph, with findings that name file and line. */
import { composeServices } from '@apollo/composition';
import { GraphQLError, parse, Source, type ASTNode, type DocumentNode } from 'graphql';
import { complaintOf, rootRequirementsOf } from '#gateway/plan/root-requires.ts';
import { inputObjectsOf, oneOfObjectsOf, withOneOf, withoutOneOf } from '#gateway/plan/one-of.ts';
import type { Composition, Finding } from './findings.ts';
import type { SubgraphSource } from './schema-source.ts';

/** Composes `sources`. Never throws for what is wrong with a schema. */
export function compose(sources: readonly SubgraphSource[]): Composition {
  const errors: Finding[] = [];
  const services: { name: string; url: string; typeDefs: DocumentNode }[] = [];
  for (const { name, url, sdl, origin } of sources) {
    try {
      const typeDefs = parse(new Source(sdl, origin));
      errors.push(...rootRequirements(typeDefs));
      services.push({ name, url, typeDefs });
    } catch (error) {
      if (!(error instanceof GraphQLError)) throw error;
      const at = error.locations?.[0];
      errors.push({
        code: 'SYNTAX',
        message: error.message,
        places: [at === undefined ? origin : `${origin}:${at.line}:${at.column}`],
      });
    }
  }
  if (errors.length > 0) return { supergraphSdl: undefined, errors, hints: [] };
  const origins = new Map(sources.map((source) => [source.name, source.origin]));
  const oneOf = oneOfTypes(services);
  const result = composeServices(services.map((service) => ({ ...service, typeDefs: withoutOneOf(service.typeDefs) })));
  return {
    supergraphSdl: result.errors === undefined ? withOneOf(result.supergraphSdl, oneOf.types) : undefined,
    errors: (result.errors ?? []).map((error) => ({
      code: String(error.extensions['code'] ?? 'COMPOSITION'),
      message: error.message,
      places: placesOf(error.nodes ?? [], origins),
    })),
    hints: [
      ...(result.hints ?? []).map((hint) => ({
        code: hint.definition.code,
        message: hint.message,
        places: placesOf(hint.nodes ?? [], origins),
      })),
      ...oneOf.hints,
    ],
  };
}

/** The planner would ask for such a field without what it requires. */
const rootRequirements = (document: DocumentNode): Finding[] =>
  rootRequirementsOf(document).map((requirement) => ({
    code: 'REQUIRES_ON_ROOT_FIELD',
    message: complaintOf(requirement),
    places: placesOf([requirement.field], new Map()),
  }));

/** Which input objects take exactly one field: those of which any subgraph says so, or that one would refuse the rest. */
function oneOfTypes(services: readonly { readonly name: string; readonly typeDefs: DocumentNode }[]): {
  readonly types: ReadonlySet<string>;
  readonly hints: readonly Finding[];
} {
  const saying = services.flatMap(({ typeDefs }) => oneOfObjectsOf(typeDefs));
  const types = new Set(saying.map(({ name }) => name.value));
  const hints = [...types].flatMap((type): Finding[] => {
    const silent = services.flatMap(({ typeDefs }) => {
      const definitions = inputObjectsOf(typeDefs).filter(({ name }) => name.value === type);
      return definitions.length === 0 || oneOfObjectsOf(typeDefs).some(({ name }) => name.value === type)
        ? []
        : definitions;
    });
    if (silent.length === 0) return [];
    const message = `The input ${type} is @oneOf in some subgraphs only; it is enforced for all.`;
    return [{ code: 'INCONSISTENT_ONE_OF', message, places: placesOf(silent, new Map()) }];
  });
  return { types, hints };
}

function placesOf(nodes: readonly ASTNode[], origins: ReadonlyMap<string, string>): string[] {
  return nodes.flatMap((node) => {
    const subgraph = (node as { subgraph?: string }).subgraph;
    const start = node.loc?.startToken;
    const origin = (subgraph === undefined ? undefined : origins.get(subgraph)) ?? node.loc?.source.name;
    if (origin === undefined) return [];
    return [start === undefined ? origin : `${origin}:${start.line}:${start.column}`];
  });
}
