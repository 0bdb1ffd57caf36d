/**
 * The operator's file of type definitions: read once, checked against a list of what may stand in it, and turned into
 * the definitions that the library gets. What is not on the list is refused: directives of the library that run Cypher
 * or grant access must not come in with an update of it.
 */
import { readFile } from 'node:fs/promises';
import { GraphQLError, Kind, parse, Source } from 'graphql';
import type {
  ASTNode,
  ConstDirectiveNode,
  DefinitionNode,
  DocumentNode,
  FieldDefinitionNode,
  InterfaceTypeDefinitionNode,
  ObjectTypeDefinitionNode,
  TypeNode,
} from 'graphql';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { MODEL } from '../bounds.ts';
import { FIELD_RULES, TYPE_RULES } from './rules.ts';

/** A link from a node to an entity of another subgraph: `script: Document @reference(field: "scriptId")`. */
export interface Reference {
  readonly type: string;
  readonly field: string;
  /** The sibling field that holds the id, or the ids. */
  readonly by: string;
  /** The entity, which has the key `id`. */
  readonly to: string;
  readonly list: boolean;
  readonly description: string | undefined;
}

/** A type of nodes. */
export interface NodeType {
  readonly name: string;
  /** The fields of each `@key`. */
  readonly keys: readonly (readonly string[])[];
  /** How many nodes one read may return. */
  readonly maxLimit: number;
}

/** What the file says. */
export interface GraphModel {
  /** The file's definitions without what is not the library's. */
  readonly document: DocumentNode;
  readonly nodes: readonly NodeType[];
  readonly references: readonly Reference[];
  /** Every type that the file names. */
  readonly names: ReadonlySet<string>;
}

/** Names that begin so are ours. */
export const RESERVED = 'tributary';

/** What a field of the file may be of, besides the types in it. Shared scalars among them are the API's own. */
export const SCALARS: ReadonlySet<string> = new Set([
  ...['ID', 'String', 'Int', 'Float', 'Boolean', 'BigInt'],
  ...['DateTime', 'LocalDateTime', 'Date', 'Time', 'LocalTime', 'Duration', 'Point', 'CartesianPoint'],
]);

/**
 * Reads the file.
 * @param path as it is printed in messages
 * @throws CodedError `BAD_USER_INPUT` with every fault, each with file and line
 */
export async function readModel(path: string): Promise<GraphModel> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    throw badUserInput(`GRAPH_MODEL: ${path} cannot be read (${code}).`, {
      cause,
      hint: 'Set GRAPH_MODEL to a file of GraphQL type definitions; `npm run graph:introspect` writes a first one from the database.',
    });
  }
  return parseModel(text, path);
}

/** {@link readModel} for a text that has been read. */
export function parseModel(text: string, path: string): GraphModel {
  let document: DocumentNode;
  try {
    document = parse(new Source(text, path));
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    throw invalid([`${path}:${error.locations?.[0]?.line ?? 1}: ${error.message}`]);
  }
  const faults: string[] = [];
  const fault = (node: ASTNode, message: string): void =>
    void faults.push(`${path}:${node.loc?.startToken.line ?? 1}: ${message}`);
  const model = examine(document, fault);
  if (model.nodes.length === 0 && faults.length === 0) faults.push(`${path}:1: there is no type with @node.`);
  if (faults.length > 0) throw invalid(faults);
  return model;
}

const invalid = (faults: readonly string[]) =>
  badUserInput(
    `GRAPH_MODEL has ${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}:\n${faults.map((line) => `  - ${line}`).join('\n')}`,
    {
      hint: 'What may stand in the file is in docs/graph-model.md.',
    },
  );

type Fault = (node: ASTNode, message: string) => void;

function examine({ definitions }: DocumentNode, fault: Fault): GraphModel {
  const names = new Set<string>();
  for (const definition of definitions) {
    if (!('name' in definition) || definition.name === undefined || definition.kind === Kind.DIRECTIVE_DEFINITION)
      continue;
    if (names.has(definition.name.value)) fault(definition, `${definition.name.value} is defined twice.`);
    names.add(definition.name.value);
  }
  const kept: DefinitionNode[] = [];
  const nodes: NodeType[] = [];
  const references: Reference[] = [];
  for (const definition of definitions) {
    switch (definition.kind) {
      case Kind.OBJECT_TYPE_DEFINITION:
      case Kind.INTERFACE_TYPE_DEFINITION: {
        const type = examineType(definition, names, fault);
        references.push(...type.references);
        kept.push(type.definition);
        if (definition.kind === Kind.OBJECT_TYPE_DEFINITION && has(definition, 'node')) nodes.push(type.node);
        break;
      }
      case Kind.UNION_TYPE_DEFINITION:
      case Kind.ENUM_TYPE_DEFINITION:
        if (SCALARS.has(definition.name.value)) fault(definition, `${definition.name.value} is the name of a scalar.`);
        keptDirectives(definition, TYPE_RULES, fault);
        kept.push({ ...definition, directives: [] });
        break;
      case Kind.SCHEMA_EXTENSION:
        // The file of somebody who serves it with the library alone; the link is ours to make.
        if (definition.operationTypes?.length || definition.directives?.some(({ name }) => name.value !== 'link'))
          fault(definition, 'Of `extend schema` only @link is accepted.');
        break;
      default:
        fault(
          definition,
          `${describe(definition)} is not accepted: a model has types of nodes, of relationship properties, interfaces, unions and enums.`,
        );
    }
  }
  return { document: { kind: Kind.DOCUMENT, definitions: kept }, nodes, references, names };
}

function examineType(
  definition: ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode,
  names: ReadonlySet<string>,
  fault: Fault,
) {
  const name = definition.name.value;
  const object = definition.kind === Kind.OBJECT_TYPE_DEFINITION;
  if (['Query', 'Mutation', 'Subscription'].includes(name))
    fault(definition, `${name} cannot be defined: what can be asked is made of the types of nodes.`);
  else if (object && !has(definition, 'node') && !has(definition, 'relationshipProperties'))
    fault(definition, `${name} needs @node, or @relationshipProperties.`);
  if (SCALARS.has(name)) fault(definition, `${name} is the name of a scalar.`);
  const keys = (definition.directives ?? [])
    .filter((directive) => directive.name.value === 'key')
    .map((directive) => keyFields(definition, directive, fault));
  const limit = (definition.directives ?? []).find((directive) => directive.name.value === 'limit');
  for (const label of listOf(
    argument(
      definition.directives?.find((directive) => directive.name.value === 'node'),
      'labels',
    ),
  )) {
    // `$jwt.…` and `$context.…` would be read from the request.
    if (label.includes('$')) fault(definition, `@node(labels:) must name labels, not ${JSON.stringify(label)}.`);
  }
  const fields: FieldDefinitionNode[] = [];
  const references: Reference[] = [];
  for (const field of definition.fields ?? []) {
    if (field.name.value.toLowerCase().startsWith(RESERVED))
      fault(field, `${name}.${field.name.value}: names that begin with \`${RESERVED}\` are taken.`);
    if (field.arguments?.length) fault(field, `${name}.${field.name.value}: fields of a model have no arguments.`);
    const reference = field.directives?.find((directive) => directive.name.value === 'reference');
    if (reference !== undefined) {
      const found = referenceOf(definition, field, reference, names, fault);
      if (found !== undefined) references.push(found);
      continue;
    }
    const of = namedType(field.type);
    if (!names.has(of) && !SCALARS.has(of))
      fault(
        field,
        `${name}.${field.name.value}: there is no type ${of}. (A link to an entity of the API needs @reference.)`,
      );
    fields.push({ ...field, directives: keptDirectives(field, FIELD_RULES, fault) });
  }
  const directives = keptDirectives(definition, TYPE_RULES, fault);
  const max = Number(argument(limit, 'max') ?? MODEL.pageMost);
  const limited = directives.filter((directive) => directive.name.value !== 'limit');
  if (!has(definition, 'relationshipProperties'))
    limited.push(
      directive(`@limit(default: ${Number(argument(limit, 'default') ?? Math.min(MODEL.page, max))}, max: ${max})`),
    );
  const node: NodeType = { name, keys, maxLimit: max };
  return { definition: { ...definition, fields, directives: limited } as typeof definition, references, node };
}

/** What the library is given of a definition's directives; the rest is dropped or refused, as the rules say. */
function keptDirectives(
  node: { readonly directives?: readonly ConstDirectiveNode[] },
  rules: typeof TYPE_RULES,
  fault: Fault,
): ConstDirectiveNode[] {
  return (node.directives ?? []).filter((found) => {
    const rule = rules[found.name.value];
    if (rule === 'keep') return true;
    if (rule !== 'drop') fault(found, `@${found.name.value} is not accepted${rule === undefined ? '' : `: ${rule}`}.`);
    return false;
  });
}

function keyFields(
  type: ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode,
  key: ConstDirectiveNode,
  fault: Fault,
): string[] {
  const text = String(argument(key, 'fields') ?? '');
  const fields = text.split(/\s+/).filter((name) => name !== '');
  const wrong = fields.find((name) => {
    const field = type.fields?.find((candidate) => candidate.name.value === name);
    return (
      field === undefined ||
      !['ID', 'String', 'Int', 'Float', 'BigInt'].includes(namedType(field.type)) ||
      isList(field.type)
    );
  });
  if (fields.length === 0 || wrong !== undefined)
    fault(
      key,
      `@key(fields: ${JSON.stringify(text)}) must name fields of ${type.name.value} that are ids, texts or numbers.`,
    );
  if (key.arguments?.some(({ name }) => name.value !== 'fields'))
    fault(key, '@key has `fields` here and nothing else.');
  return fields;
}

function referenceOf(
  type: ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode,
  field: FieldDefinitionNode,
  reference: ConstDirectiveNode,
  names: ReadonlySet<string>,
  fault: Fault,
): Reference | undefined {
  const where = `${type.name.value}.${field.name.value}`;
  const by = String(argument(reference, 'field') ?? '');
  const source = type.fields?.find((candidate) => candidate.name.value === by);
  const to = namedType(field.type);
  const list = isList(field.type);
  if (type.kind !== Kind.OBJECT_TYPE_DEFINITION || !has(type, 'node'))
    fault(field, `${where}: only types with @node have references.`);
  else if (names.has(to) || SCALARS.has(to))
    fault(field, `${where}: @reference leads to an entity of the API, such as Document; ${to} is none.`);
  else if (field.directives!.length > 1) fault(field, `${where}: no directive stands beside @reference.`);
  else if (source === undefined || !['ID', 'String'].includes(namedType(source.type)) || isList(source.type) !== list) {
    fault(
      field,
      `${where}: @reference(field: ${JSON.stringify(by)}) must name a field of ${type.name.value} that holds ${list ? 'a list of ids' : 'one id'}.`,
    );
  } else return { type: type.name.value, field: field.name.value, by, to, list, description: field.description?.value };
  return undefined;
}

export const has = (node: { readonly directives?: readonly ConstDirectiveNode[] }, name: string): boolean =>
  node.directives?.some((directive) => directive.name.value === name) ?? false;

/** A directive as a node, of its text. */
export function directive(text: string): ConstDirectiveNode {
  const [definition] = parse(`type T ${text} { f: Int }`, { noLocation: true }).definitions;
  return (definition as ObjectTypeDefinitionNode).directives![0]!;
}

export const namedType = (type: TypeNode): string =>
  type.kind === Kind.NAMED_TYPE ? type.name.value : namedType(type.type);
const isList = (type: TypeNode): boolean =>
  type.kind === Kind.LIST_TYPE || (type.kind === Kind.NON_NULL_TYPE && isList(type.type));

/** The text of a scalar argument. */
function argument(found: ConstDirectiveNode | undefined, name: string): ArgumentValue {
  const value = found?.arguments?.find((candidate) => candidate.name.value === name)?.value;
  if (value?.kind === Kind.LIST) return value.values.flatMap((item) => (item.kind === Kind.STRING ? [item.value] : []));
  return value !== undefined && 'value' in value ? String(value.value) : undefined;
}

type ArgumentValue = string | readonly string[] | undefined;
const listOf = (value: ArgumentValue): readonly string[] =>
  value === undefined ? [] : typeof value === 'string' ? [value] : value;

function describe(definition: DefinitionNode): string {
  const words = definition.kind
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replace(/ (Definition|Type Definition)$/, '')
    .toLowerCase();
  return 'name' in definition && definition.name !== undefined ? `The ${words} ${definition.name.value}` : `A ${words}`;
}
