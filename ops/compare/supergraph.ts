/** Subgraphs of a supergraph, whoever composed it. */
import { nameInVariables } from '#gateway/bounds/remote.ts';
import { Kind, parse, print, valueFromASTUntyped, visit, type ValueNode } from 'graphql';

/**
 * Names and addresses by `join__Graph`, whose values carry `@join__graph(name:, url:)` (https://specs.apollo.dev/join).
 * @throws Error where the text is no supergraph
 */
function subgraphsOf(supergraphSdl: string): Map<string, string> {
  const graphs = parse(supergraphSdl, { noLocation: true }).definitions.find(
    (definition) => definition.kind === Kind.ENUM_TYPE_DEFINITION && definition.name.value === 'join__Graph',
  );
  if (graphs?.kind !== Kind.ENUM_TYPE_DEFINITION)
    throw new Error('It has no `join__Graph`: compose it first (npm run compose -- --output supergraph.graphql).');
  return new Map(
    (graphs.values ?? []).map(({ name, directives }) => {
      const told = directives?.find((directive) => directive.name.value === 'join__graph')?.arguments ?? [];
      const { name: subgraph, url } = Object.fromEntries(
        told.map((argument) => [argument.name.value, valueFromASTUntyped(argument.value)]),
      ) as { name?: string; url?: string };
      return [subgraph ?? name.value, url ?? ''];
    }),
  );
}

/**
 * Where each subgraph answers: `given` by name, else by `SUBGRAPH_<NAME>_URL` of the environment, else as the supergraph
 * has it.
 * @throws Error naming the subgraphs that have no address
 */
export function addressesOf(
  supergraphSdl: string,
  given: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const subgraphs = subgraphsOf(supergraphSdl);
  const strange = Object.keys(given).filter((name) => !subgraphs.has(name));
  if (strange.length > 0)
    throw new Error(
      `The supergraph has no subgraph ${strange.join(', ')}; it has ${[...subgraphs.keys()].join(', ')}.`,
    );
  const urls = [...subgraphs].map(([name, url]): [string, string] => {
    return [name, given[name] ?? (env[`SUBGRAPH_${nameInVariables(name)}_URL`] || url)];
  });
  const without = urls.filter(([, url]) => !URL.canParse(url) || !/^https?:/.test(url));
  if (without.length > 0)
    throw new Error(`Where do ${without.map(([name]) => name).join(', ')} answer? Say so by --subgraph <name>=<url>.`);
  return Object.fromEntries(urls);
}

/** Directives that say who may see what, and the features of the supergraph that they are. */
const ACCESS = ['authenticated', 'requiresScopes', 'policy'];
const ACCESS_FEATURE = new RegExp(`^https://specs\\.apollo\\.dev/(${ACCESS.join('|')})/`);

/**
 * The supergraph as whoever may see everything has it. `@apollo/gateway` does not know these directives, and so refuses it.
 */
export const withoutAccessRules = (supergraphSdl: string): string =>
  print(
    visit(parse(supergraphSdl, { noLocation: true }), {
      Directive: ({ name, arguments: given }) => {
        const isLink = name.value === 'link' && given?.some(({ value }) => isAccessFeature(value));
        return isLink === true || ACCESS.includes(name.value) ? null : undefined;
      },
    }),
  );

const isAccessFeature = (value: ValueNode): boolean => value.kind === Kind.STRING && ACCESS_FEATURE.test(value.value);
