/**
 * Executes operations on a subgraph's schema in this process: each is compiled once; what is unusual is left to
 * graphql-js.
 */
import {
  assertValidSchema,
  execute,
  GraphQLIncludeDirective,
  GraphQLSkipDirective,
  Kind,
  OperationTypeNode,
  SchemaMetaFieldDef,
  TypeMetaFieldDef,
  visit,
  type DocumentNode,
  type ExecutionResult,
  type FragmentDefinitionNode,
  type GraphQLObjectType,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql';
import type { SubgraphRequest } from '../clients/subgraph-client.ts';
import { EXECUTE } from '#gateway/bounds/execute.ts';
import { compileEntities } from './entities.ts';
import { hintsOf } from '#subgraphs/shared/hints.ts';
import { Program } from './program.ts';
import { Run } from './run.ts';
import { readVariables, type VariableReader } from './variables.ts';

/** The result of one operation: at once where every resolver answers at once. */
export type Execution = (request: SubgraphRequest, rootValue?: unknown) => ExecutionResult | Promise<ExecutionResult>;

/** What is known of an operation before its variables are. */
interface Operation {
  readonly node: OperationDefinitionNode;
  readonly rootType: GraphQLObjectType;
  readonly fragments: Record<string, FragmentDefinitionNode>;
  readonly variables: VariableReader;
  /** The variables that `@skip` and `@include` name. */
  readonly conditions: readonly string[];
  /** Programs by the values of the conditions. */
  readonly programs: Map<string, Program>;
}

/** Makes the executor of a schema. Errors and nulls are those that graphql-js would give. */
export function executorOf(schema: GraphQLSchema): Execution {
  const known = new WeakMap<DocumentNode, Map<string | undefined, Operation | null>>();

  function operationOf(document: DocumentNode, name: string | undefined): Operation | null {
    let byName = known.get(document);
    if (byName === undefined) known.set(document, (byName = new Map()));
    let operation = byName.get(name);
    if (operation === undefined) {
      operation = readOperation(schema, document, name);
      if (byName.size < EXECUTE.programs) byName.set(name, operation);
    }
    return operation;
  }

  return (request, rootValue) => {
    const operation = operationOf(request.document, request.operationName);
    if (operation === null) return executeElsewhere(schema, request, rootValue);
    const { values, errors } = operation.variables(request.variables);
    if (errors !== undefined) return { errors };
    const program = programOf(schema, operation, values);
    if (program === undefined) return executeElsewhere(schema, request, rootValue);
    const { context, signal = context.signal, streams } = request;
    const run = new Run(program.about, context, values, rootValue, signal, streams);
    if (operation.node.operation === OperationTypeNode.MUTATION)
      return program.runSerially(run).then(() => resultOf(run));
    program.run(run);
    return run.isSettled ? resultOf(run) : run.settled().then(() => resultOf(run));
  };
}

function resultOf(run: Run): ExecutionResult {
  run.gather();
  const { errors, data } = run;
  const hints = hintsOf(run.variables);
  const result = errors.length === 0 ? { data } : { errors, data };
  return hints === undefined ? result : { ...result, extensions: { hints } };
}

function executeElsewhere(
  schema: GraphQLSchema,
  request: SubgraphRequest,
  rootValue: unknown,
): ExecutionResult | Promise<ExecutionResult> {
  const { document, context, variables, operationName } = request;
  return execute({ schema, document, contextValue: context, variableValues: variables, operationName, rootValue });
}

/** @returns null for an operation that is left to graphql-js: one that is not there, or that asks about the schema */
function readOperation(schema: GraphQLSchema, document: DocumentNode, name: string | undefined): Operation | null {
  assertValidSchema(schema);
  const operations = document.definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
  const node = name === undefined ? operations[0] : operations.find((operation) => operation.name?.value === name);
  if (node === undefined || (name === undefined && operations.length > 1)) return null;
  const rootType = schema.getRootType(node.operation);
  if (rootType === undefined || rootType === null) return null;

  const fragments = Object.create(null) as Record<string, FragmentDefinitionNode>;
  const conditions = new Set<string>();
  let asksSchema = false;
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments[definition.name.value] = definition;
  visit(document, {
    Field: ({ name: { value } }) => {
      if (value === SchemaMetaFieldDef.name || value === TypeMetaFieldDef.name) asksSchema = true;
    },
    Directive: ({ name: { value }, arguments: given = [] }) => {
      if (value !== GraphQLSkipDirective.name && value !== GraphQLIncludeDirective.name) return;
      for (const argument of given)
        if (argument.value.kind === Kind.VARIABLE) conditions.add(argument.value.name.value);
    },
  });
  if (asksSchema) return null;
  return {
    node,
    rootType,
    fragments,
    variables: readVariables(schema, node.variableDefinitions ?? []),
    conditions: [...conditions],
    programs: new Map(),
  };
}

/** @returns undefined when a condition is neither true nor false: graphql-js says what is wrong with it, and where */
function programOf(
  schema: GraphQLSchema,
  operation: Operation,
  values: Readonly<Record<string, unknown>>,
): Program | undefined {
  const { conditions, programs } = operation;
  let key = '';
  for (const name of conditions) {
    const value = values[name];
    if (typeof value !== 'boolean') return undefined;
    key += value ? '1' : '0';
  }
  let program = programs.get(key);
  if (program === undefined) {
    const { node, rootType, fragments } = operation;
    program = new Program({ schema, operation: node, fragments, rootType, conditions: values }, (field, planOf) =>
      compileEntities(field, planOf, schema),
    );
    if (programs.size < EXECUTE.programs) programs.set(key, program);
  }
  return program;
}
