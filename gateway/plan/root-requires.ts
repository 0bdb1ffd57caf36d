/**
 * `@requires` on fields of `Query`, `Mutation` or `Subscription`. Composition takes it, though nothing says which object
 * the required fields are of, and the planner asks for the field without them: the subgraph would answer as if they were
 * not there.
 */
import {
  getLocation,
  Kind,
  OperationTypeNode,
  parse,
  Source,
  type ConstDirectiveNode,
  type DocumentNode,
  type FieldDefinitionNode,
} from 'graphql';
import { argumentOf, featureOf, linksOf } from './links.ts';

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

/** A supergraph that was composed elsewhere has fields of root types that require others. */
export class RootRequirements extends Error {
  constructor(messages: readonly string[]) {
    super(messages.join('\n'));
    this.name = 'RootRequirements';
  }
}

/** What is wrong with it, and what to do. */
export const complaintOf = ({ type, field }: RootRequirement): string =>
  `The field ${type}.${field.name.value} has @requires, but a root type has no object whose other fields could be ` +
  'sent. Give it an argument for what it needs, or move it to an entity that has the required fields.';

/** @param document a subgraph's schema */
export function rootRequirementsOf(document: DocumentNode): RootRequirement[] {
  const requires = namesOfRequires(document);
  return rootFieldsOf(document).filter(({ field: { directives } }) =>
    directives?.some(({ name }) => requires.has(name.value)),
  );
}

/**
 * @param supergraph composed by whomever: some composers take what this one refuses
 * @param sdl its text, in which lines are looked for where there is something to complain of
 * @throws RootRequirements that name each field with its subgraph and line
 */
export function refuseRootRequirements(supergraph: DocumentNode, sdl: string): void {
  if (!rootFieldsOf(supergraph).some((requirement) => requiringOf(requirement).length > 0)) return;
  const source = new Source(sdl, 'supergraph');
  const complaints = rootFieldsOf(parse(source)).flatMap((requirement) => {
    const requiring = requiringOf(requirement);
    if (requiring.length === 0) return [];
    const graphs = requiring.flatMap((directive) => {
      const graph = argumentOf(directive, 'graph');
      return graph?.kind === Kind.ENUM ? [graph.value] : [];
    });
    const { line } = getLocation(source, requirement.field.loc!.start);
    return [
      `${source.name}:${line}: REQUIRES_ON_ROOT_FIELD: ${complaintOf(requirement)} It is of the subgraph ${graphs.join()}.`,
    ];
  });
  throw new RootRequirements(complaints);
}

/** What says in a supergraph that the field requires others. */
const requiringOf = ({ field: { directives = [] } }: RootRequirement): ConstDirectiveNode[] =>
  directives.filter(
    (directive) => directive.name.value === 'join__field' && argumentOf(directive, 'requires') !== undefined,
  );

function rootFieldsOf(document: DocumentNode): RootRequirement[] {
  const roots = rootTypesOf(document);
  return document.definitions.flatMap((definition) => {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION && definition.kind !== Kind.OBJECT_TYPE_EXTENSION) return [];
    const type = definition.name.value;
    if (!roots.has(type)) return [];
    return (definition.fields ?? []).map((field) => ({ type, field }));
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
