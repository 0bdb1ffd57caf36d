/** Operations in files, each with the fragments that it spreads, from whichever of the files they come. */
import { stat } from 'node:fs/promises';
import {
  type GraphQLError,
  Kind,
  parse,
  print,
  Source,
  validate,
  visit,
  type DefinitionNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql';
import { hashOf } from '#gateway/admission/persisted/automatic.ts';
import { graphqlFilesIn, readTextFile } from '#ops/graphql-files.ts';
import { PERSIST } from './bounds.ts';

/** As it stands in a manifest. */
export interface PersistedOperation {
  /** SHA-256 of `body`, in hexadecimal. */
  readonly id: string;
  readonly name: string;
  readonly type: 'query' | 'mutation' | 'subscription';
  /** The fragments that the operation spreads, in the order of their names, and the operation itself. */
  readonly body: string;
}

export interface Collected {
  readonly operations: readonly PersistedOperation[];
  /** What is wrong, one line each, with file and line. */
  readonly faults: readonly string[];
}

export interface CollectOptions {
  /** Whether `__typename` is added to every selection but the first, as Apollo's clients do. @default false */
  readonly typename?: boolean;
}

/**
 * @param paths files, and folders whose `.graphql` and `.gql` files are read at any depth
 * @param schema what the operations must fit
 * @throws Error for what cannot be read
 */
export async function collect(
  paths: readonly string[],
  schema: GraphQLSchema,
  { typename = false }: CollectOptions = {},
): Promise<Collected> {
  const faults: string[] = [];
  const operations = new Map<string, OperationDefinitionNode>();
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const file of await filesIn(paths)) {
    for (const definition of definitionsOf(await readTextFile(file, PERSIST.fileBytes), file, faults)) {
      if (definition.kind !== Kind.OPERATION_DEFINITION && definition.kind !== Kind.FRAGMENT_DEFINITION)
        faults.push(`${placeOf(definition)}: this is neither an operation nor a fragment.`);
      else if (definition.name === undefined)
        faults.push(`${placeOf(definition)}: the operation has no name, by which clients find its id.`);
      else {
        const isOperation = definition.kind === Kind.OPERATION_DEFINITION;
        const known = (isOperation ? operations : fragments).get(definition.name.value);
        if (known !== undefined && print(known) !== print(definition))
          faults.push(
            `${placeOf(definition)}: another ${isOperation ? 'operation' : 'fragment'} ${definition.name.value} is at ${placeOf(known)}.`,
          );
        else if (isOperation) operations.set(definition.name.value, definition);
        else fragments.set(definition.name.value, definition);
      }
    }
  }
  const collected: PersistedOperation[] = [];
  for (const [name, operation] of [...operations].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const spread = fragmentsOf(operation, fragments);
    const definitions = [...spread, operation];
    const errors = validate(schema, { kind: Kind.DOCUMENT, definitions });
    for (const error of errors) faults.push(`${placeOf(error.nodes?.[0] ?? operation)}: ${error.message}`);
    if (errors.length > 0) continue;
    const body = definitions.map((definition) => print(typename ? withTypename(definition) : definition)).join('\n\n');
    collected.push({ id: hashOf(body), name, type: operation.operation, body });
  }
  return { operations: collected, faults };
}

/** Those that it spreads, also within others, sorted by name. One that is not there is left to validation. */
function fragmentsOf(
  operation: OperationDefinitionNode,
  all: ReadonlyMap<string, FragmentDefinitionNode>,
): FragmentDefinitionNode[] {
  const found = new Map<string, FragmentDefinitionNode>();
  const look = (node: DefinitionNode): void => {
    visit(node, {
      FragmentSpread({ name }) {
        const fragment = all.get(name.value);
        if (fragment === undefined || found.has(name.value)) return;
        found.set(name.value, fragment);
        look(fragment);
      },
    });
  };
  look(operation);
  return [...found.values()].sort((a, b) => (a.name.value < b.name.value ? -1 : 1));
}

/** Their caches tell objects apart by it. What is selected of the root itself needs none. */
const withTypename = (definition: DefinitionNode): DefinitionNode =>
  visit(definition, {
    SelectionSet(node, _key, parent) {
      if ((parent as { kind?: Kind } | undefined)?.kind === Kind.OPERATION_DEFINITION) return undefined;
      const has = node.selections.some(
        (selection) =>
          selection.kind === Kind.FIELD && selection.name.value === '__typename' && selection.alias === undefined,
      );
      return has ? undefined : { ...node, selections: [...node.selections, TYPENAME] };
    },
  });

const TYPENAME: FieldNode = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } };

async function filesIn(paths: readonly string[]): Promise<string[]> {
  const files = await Promise.all(
    paths.map(async (path) => ((await stat(path)).isDirectory() ? await graphqlFilesIn(path) : [path])),
  );
  return [...new Set(files.flat())];
}

function definitionsOf(text: string, file: string, faults: string[]): readonly DefinitionNode[] {
  if (text.trim() === '') return [];
  try {
    return parse(new Source(text, file)).definitions;
  } catch (error) {
    const { message, locations } = error as GraphQLError;
    faults.push(`${file}:${locations?.[0]?.line ?? 1}: ${message}`);
    return [];
  }
}

const placeOf = ({ loc }: { readonly loc?: DefinitionNode['loc'] }): string =>
  `${loc?.source.name}:${loc?.startToken.line}`;
