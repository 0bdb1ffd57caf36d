/** The specifications that a supergraph uses, and under which names: https://specs.apollo.dev/link/v1.0. */
import {
  Kind,
  type ConstDirectiveNode,
  type ConstValueNode,
  type DirectiveNode,
  type DocumentNode,
  type ValueNode,
} from 'graphql';

/** One `@link` of a supergraph's schema. */
export interface Link {
  /** Without a slash at its end. */
  readonly url: string;
  /** `SECURITY` or `EXECUTION`, where those who serve the supergraph must understand it. */
  readonly purpose: string | undefined;
  /** The name of the specification here, where it is not its own. */
  readonly as: string | undefined;
  /** Names here, by the specification's own; directives with their `@`. */
  readonly imports: ReadonlyMap<string, string>;
}

/** Links are known by their arguments, since `@link` itself may have been given another name. */
export function linksOf(supergraph: DocumentNode): Link[] {
  return supergraph.definitions.flatMap((definition) => {
    if (definition.kind !== Kind.SCHEMA_DEFINITION && definition.kind !== Kind.SCHEMA_EXTENSION) return [];
    return (definition.directives ?? []).flatMap((directive) => {
      const url = argumentOf(directive, 'url') ?? argumentOf(directive, 'feature');
      if (url?.kind !== Kind.STRING) return [];
      const purpose = argumentOf(directive, 'for');
      const as = argumentOf(directive, 'as');
      return [
        {
          url: url.value.replace(/\/+$/, ''),
          purpose: purpose?.kind === Kind.ENUM ? purpose.value : undefined,
          as: as?.kind === Kind.STRING ? as.value : undefined,
          imports: importsOf(argumentOf(directive, 'import')),
        },
      ];
    });
  });
}

/** The value of a directive's argument; undefined where it is not given. */
export function argumentOf(directive: ConstDirectiveNode, name: string): ConstValueNode | undefined;
export function argumentOf(directive: DirectiveNode, name: string): ValueNode | undefined;
export function argumentOf(directive: DirectiveNode, name: string): ValueNode | undefined {
  return directive.arguments?.find((given) => given.name.value === name)?.value;
}

/** The name of a specification: the last part of its URL that is not a version. */
export const featureOf = (url: string): string => url.replace(/\/v\d+(\.\d+)*$/, '').replace(/^.*\//, '');

/**
 * The name here of the directive that a specification is named for, without its `@`: its own where nothing links to the
 * specification; undefined where its own name is then somebody else's.
 */
export function directiveName(links: readonly Link[], feature: string): string | undefined {
  const own = links.find(({ url }) => featureOf(url) === feature);
  if (own !== undefined) return (own.imports.get(`@${feature}`) ?? `@${own.as ?? feature}`).slice(1);
  return links.some(({ imports }) => [...imports.values()].includes(`@${feature}`)) ? undefined : feature;
}

function importsOf(value: ConstValueNode | undefined): Map<string, string> {
  const imports = new Map<string, string>();
  for (const item of value?.kind === Kind.LIST ? value.values : []) {
    if (item.kind === Kind.STRING) imports.set(item.value, item.value);
    if (item.kind !== Kind.OBJECT) continue;
    const text = (name: string): string | undefined => {
      const field = item.fields.find((candidate) => candidate.name.value === name)?.value;
      return field?.kind === Kind.STRING ? field.value : undefined;
    };
    const name = text('name');
    if (name !== undefined) imports.set(name, text('as') ?? name);
  }
  return imports;
}
