/**
 * `@requires` on fields of `Query`, `Mutation` or `Subscription`. Composition takes it, though nothing says which object
 * the required fields are of, and the planner asks for the field without them: the subgraph would answer as if they were
 * not there.
 */
import { Kind, OperationTypeNode, type DocumentNode, type FieldDefinitionNode } from 'graphql';
import { featureOf, linksOf } from '#gateway/plan/links.ts';

const ROOTS: Readonly<Record<OperationTypeNode, string>> = {
  [OperationTypeNode.QUERY]: 'Query',
  [OperationTypeNode.MUTATION]: 'Mutation',
  [OperationTypeNode.SUBSCRIPTION]: 'Subscription',
};

/** A field of a root type that requires others. */
export interface RootRequirement {
  readonly type: string;
  readonly field: FieldDefinitionNode;
}

/** @param document a subgraph's schema */
export function rootRequirementsOf(document: DocumentNode): RootRequirement[] {
  const requires = namesOfRequires(document);
  const roots = rootTypesOf(document);
  return document.definitions.flatMap((definition) => {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION && definition.kind !== Kind.OBJECT_TYPE_EXTENSION) return [];
    const type = definition.name.value;
    if (!roots.has(type)) return [];
    return (definition.fields ?? [])
      .filter(({ directives }) => directives?.some(({ name }) => requires.has(name.value)))
      .map((field) => ({ type, field }));
  });
}

/** What the directive is called in the subgraph. */
function namesOfRequires(document: DocumentNode): Set<string> {
  const federation = linksOf(document).find(({ url }) => featureOf(url) === 'federation');
  // A schema of Federation 1 has no link.
  if (federation === undefined) return new Set(['requires']);
  const imported = federation.imports.get('@requires')?.slice(1);
  return new Set([`${federation.as ?? 'federation'}__requires`, ...(imported === undefined ? [] : [imported])]);
}

function rootTypesOf(document: DocumentNode): Set<string> {
  const roots = { ...ROOTS };
  for (const definition of document.definitions)
    if (definition.kind === Kind.SCHEMA_DEFINITION || definition.kind === Kind.SCHEMA_EXTENSION)
      for (const { operation, type } of definition.operationTypes ?? []) roots[operation] = type.name.value;
  return new Set(Object.values(roots));
}
