/**
 * Listed operations as tools of agents: what an operator has written once, agents call by its name, with its variables as
 * arguments.
 */
import {
  getNamedType,
  getNullableType,
  GraphQLError,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  Kind,
  parse,
  typeFromAST,
  validate,
  type GraphQLInputType,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql';
import { z } from 'zod';
import { AGENTS } from '#gateway/bounds/agents.ts';
import { argumentsOf } from './arguments-of.ts';
import { dataSchemaOf, type JsonSchema } from './output-schemas.ts';

/** An operation that can be called. */
export interface OperationTool {
  readonly name: string;
  readonly description: string;
  readonly query: string;
  readonly type: 'query' | 'mutation';
  readonly input: z.ZodObject;
  /** What its data are. */
  readonly data: JsonSchema | undefined;
}

/** Why a text is no tool. */
export interface NoTool {
  readonly name: string | undefined;
  readonly reason: string;
}

/**
 * The operations of these texts that the schema takes, in their order; of a name that comes again the first.
 * @param taken names that are other tools'
 */
export function operationTools(
  schema: GraphQLSchema,
  texts: readonly string[],
  taken: ReadonlySet<string>,
): { readonly tools: readonly OperationTool[]; readonly left: readonly NoTool[] } {
  const [tools, left]: [OperationTool[], NoTool[]] = [[], []];
  const names = new Set(taken);
  for (const text of texts) {
    const made = toolOf(schema, text);
    if ('reason' in made) left.push(made);
    else if (names.has(made.name)) left.push({ name: made.name, reason: 'another tool is called so' });
    else if (tools.length === AGENTS.operationTools)
      left.push({ name: made.name, reason: `there are ${AGENTS.operationTools} already` });
    else {
      names.add(made.name);
      tools.push(made);
    }
  }
  return { tools, left };
}

function toolOf(schema: GraphQLSchema, query: string): OperationTool | NoTool {
  const document = parse(query);
  const operations = document.definitions.filter(
    (definition): definition is OperationDefinitionNode => definition.kind === Kind.OPERATION_DEFINITION,
  );
  const [operation] = operations;
  const name = operation?.name?.value;
  if (operation === undefined || name === undefined || operations.length > 1)
    return { name, reason: 'it is not one operation that has a name' };
  if (operation.operation === 'subscription') return { name, reason: 'it is a subscription' };
  const [fault] = validate(schema, document, undefined, { maxErrors: 1 });
  if (fault instanceof GraphQLError) return { name, reason: fault.message };
  const shape = (operation.variableDefinitions ?? []).map(({ variable, type, defaultValue }) => {
    const of = typeFromAST(schema, type as never) as GraphQLInputType;
    const read = zodOf(of);
    return [variable.name.value, defaultValue === undefined ? read : read.optional()] as const;
  });
  return {
    name,
    description: descriptionOf(schema, query, operation),
    query,
    type: operation.operation,
    input: argumentsOf(Object.fromEntries(shape)),
    data: dataSchemaOf(schema, document),
  };
}

/** What its author says in a comment above it; else what its first field is described by. */
function descriptionOf(schema: GraphQLSchema, query: string, operation: OperationDefinitionNode): string {
  const above = /^(?:\s*#[^\n]*\n)+/.exec(query)?.[0] ?? '';
  const said = above
    .replace(/^\s*#\s?/gm, '')
    .replace(/\s+/g, ' ')
    .trim();
  if (said !== '') return said.slice(0, AGENTS.descriptionCharacters);
  const [first] = operation.selectionSet.selections;
  const root = schema.getRootType(operation.operation);
  const field = first?.kind === Kind.FIELD ? root?.getFields()[first.name.value] : undefined;
  return (field?.description ?? '').replace(/\s+/g, ' ').slice(0, AGENTS.descriptionCharacters);
}

/** What fits a variable, as far as a model needs to know it: the server checks the rest. */
const zodOf = (type: GraphQLInputType): z.ZodType =>
  isNonNullType(type) ? givenOf(getNullableType(type)) : givenOf(type).nullish();

/** The same, where it is there. */
function givenOf(type: GraphQLInputType): z.ZodType {
  if (isListType(type)) return z.array(zodOf(type.ofType as GraphQLInputType));
  const named = getNamedType(type);
  if (isEnumType(named)) return z.enum(named.getValues().map(({ name }) => name) as [string, ...string[]]);
  if (isInputObjectType(named))
    return z.record(z.string(), z.unknown()).describe(`${named.name}: \`describe\` shows it.`);
  switch (named.name) {
    case 'Int':
      return z.int32();
    case 'Float':
      return z.number();
    case 'Boolean':
      return z.boolean();
    case 'String':
    case 'ID':
      return z.string();
    case 'DateTime':
      return z.string().describe('Such as 2026-11-23T00:00:00Z.');
    default:
      return z.unknown().describe(named.name);
  }
}
