/**
 * The features of a supergraph that this engine enforces. A supergraph says by `@link(url:, for:)` what one who serves
 * it must understand (https://specs.apollo.dev/link/v1.0, "for"); one that asks for more is refused, since served without
 * it, protected fields would be open to everybody and fields without a subgraph would be null.
 */
import type { DocumentNode } from 'graphql';
import { featureOf, linksOf } from './links.ts';

/** Specifications with their versions, as the planner takes them. */
export const SUPPORTED_FEATURES: readonly string[] = [
  'https://specs.apollo.dev/core/v0.1',
  'https://specs.apollo.dev/core/v0.2',
  'https://specs.apollo.dev/join/v0.1',
  'https://specs.apollo.dev/join/v0.2',
  'https://specs.apollo.dev/join/v0.3',
  'https://specs.apollo.dev/join/v0.4',
  'https://specs.apollo.dev/join/v0.5',
  'https://specs.apollo.dev/tag/v0.1',
  'https://specs.apollo.dev/tag/v0.2',
  'https://specs.apollo.dev/tag/v0.3',
  'https://specs.apollo.dev/inaccessible/v0.1',
  'https://specs.apollo.dev/inaccessible/v0.2',
  'https://specs.apollo.dev/context/v0.1',
  'https://specs.apollo.dev/cost/v0.1',
  'https://specs.apollo.dev/authenticated/v0.1',
  'https://specs.apollo.dev/requiresScopes/v0.1',
  'https://specs.apollo.dev/policy/v0.1',
  // Says what to drop from a cache of answers: there is none, so that nothing in it is ever old.
  'https://specs.apollo.dev/cacheTag/v0.1',
];

/** What must be enforced even where the supergraph does not say `for: SECURITY` or `for: EXECUTION`. */
const ALWAYS_ENFORCED = new Set(['authenticated', 'requiresScopes', 'policy', 'connect']);

/** A supergraph cannot be served as it demands. */
export class UnsupportedFeatures extends Error {
  constructor(urls: readonly string[]) {
    super(
      `The supergraph uses ${urls.join(', ')}, which this server does not enforce; it is not served, since whatever that ` +
        'protects or resolves would be open or missing. Remove the directives from the subgraphs, or wait for a version ' +
        'that enforces them.',
    );
    this.name = 'UnsupportedFeatures';
  }
}

/** @throws UnsupportedFeatures */
export function refuseUnsupportedFeatures(supergraph: DocumentNode): void {
  const unsupported = linksOf(supergraph)
    .filter(
      ({ url, purpose }) =>
        (purpose === 'SECURITY' || purpose === 'EXECUTION' || ALWAYS_ENFORCED.has(featureOf(url))) &&
        !SUPPORTED_FEATURES.includes(url),
    )
    .map(({ url }) => url);
  if (unsupported.length > 0) throw new UnsupportedFeatures(unsupported);
}
