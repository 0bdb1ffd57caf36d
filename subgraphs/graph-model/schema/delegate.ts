/**
 * Asks the library's schema what the API was asked: the same selection under the library's names. One root field, or
 * one batch of references, is one operation there, and one statement.
 */
import { execute, isAbstractType, Kind, OperationTypeNode, TypeInfo, visit, visitWithTypeInfo } from 'graphql';
import type {
  ArgumentNode,
  DocumentNode,
  FieldNode,
  FragmentDefinitionNode,
  GraphQLResolveInfo,
  GraphQLOutputType,
  GraphQLSchema,
  SelectionNode,
  SelectionSetNode,
  VariableDefinitionNode,
} from 'graphql';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { libraryContext, type RunStatement } from '../model/library.ts';
import { RESERVED, type Reference } from '../model/file.ts';
import type { Names } from '../model/names.ts';

/** Where the library's answer has the type of an abstract field's value. */
export const TYPENAME = `${RESERVED}__typename`;

/** Where it has the ids of a reference. */
export const idsAlias = ({ by }: Pick<Reference, 'by'>): string => `${RESERVED}__${by}`;

/** Variables that the delegated operation has besides the client's. */
export interface OwnVariables {
  readonly definitions: readonly VariableDefinitionNode[];
  readonly values: Readonly<Record<string, unknown>>;
}

export interface Delegate {
  /** The root field that `info` is about. The answer's keys are the response keys of the selection. */
  root(context: RequestContext, info: GraphQLResolveInfo): Promise<unknown>;
  /**
   * A field of the library's `Query`, with arguments of ours.
   * @param selections in the API's names, on `typeName`
   */
  field(
    context: RequestContext,
    info: GraphQLResolveInfo,
    field: {
      name: string;
      typeName: string;
      arguments: readonly ArgumentNode[];
      selections: readonly SelectionNode[];
      extra: readonly SelectionNode[];
    },
    own: OwnVariables,
  ): Promise<unknown>;
}

export interface DelegateOptions {
  readonly library: GraphQLSchema;
  readonly names: Names;
  readonly references: readonly Reference[];
  readonly tenantProperty: string;
  readonly run: RunStatement;
  /** The API's schema; known once it is built. */
  readonly api: () => GraphQLSchema;
}

export function createDelegate({ library, names, references, tenantProperty, run, api }: DelegateOptions): Delegate {
  const byField = new Map(references.map((reference) => [`${reference.type}.${reference.field}`, reference]));

  /** A root field, or a selection on a type, in the library's names. */
  function translated<T extends FieldNode | FragmentDefinitionNode | SelectionSetNode>(node: T, typeInfo: TypeInfo): T {
    return visit(
      node,
      visitWithTypeInfo(typeInfo, {
        NamedType: (type) => {
          const value = names.toLibrary(type.name.value);
          return value === undefined || value === type.name.value
            ? undefined
            : { ...type, name: { ...type.name, value } };
        },
        Field: {
          enter: (field) => {
            const reference = byField.get(`${typeInfo.getParentType()?.name}.${field.name.value}`);
            if (reference === undefined) return undefined;
            return {
              ...field,
              alias: nameNode(idsAlias(reference)),
              name: nameNode(reference.by),
              arguments: [],
              selectionSet: undefined,
            };
          },
        },
        SelectionSet: {
          leave: (set) => {
            const type = typeInfo.getParentType();
            return type && isAbstractType(type) ? { ...set, selections: [...set.selections, typenameNode] } : undefined;
          },
        },
      }),
    ) as T;
  }

  const memory = new WeakMap<object, FieldNode | FragmentDefinitionNode>();
  /** {@link translated}, once for each node of a document, which the engine keeps with its plan. */
  function remembered<T extends FieldNode | FragmentDefinitionNode>(node: T, typeInfo: () => TypeInfo): T {
    let found = memory.get(node) as T | undefined;
    if (found === undefined) memory.set(node, (found = translated(node, typeInfo())));
    return found;
  }

  async function ask(
    context: RequestContext,
    info: GraphQLResolveInfo,
    fields: readonly FieldNode[],
    own: OwnVariables,
  ): Promise<unknown> {
    const variables = (info.operation.variableDefinitions ?? []).flatMap((definition): VariableDefinitionNode[] => {
      const type = renamedType(definition.type);
      return type === undefined ? [] : [{ ...definition, type }];
    });
    const fragments = Object.values(info.fragments).map((fragment) => remembered(fragment, () => new TypeInfo(api())));
    const document: DocumentNode = {
      kind: Kind.DOCUMENT,
      definitions: [
        {
          kind: Kind.OPERATION_DEFINITION,
          operation: OperationTypeNode.QUERY,
          variableDefinitions: [...variables, ...own.definitions],
          selectionSet: { kind: Kind.SELECTION_SET, selections: fields },
        },
        ...fragments,
      ],
    };
    const { data, errors } = await execute({
      schema: library,
      document,
      variableValues: { ...info.variableValues, ...own.values },
      contextValue: libraryContext(context, run, tenantProperty),
    });
    const [error] = errors ?? [];
    if (error !== undefined)
      throw error.originalError instanceof CodedError ? error.originalError : (error.originalError ?? error);
    return Object.values(data ?? {})[0];
  }

  /** A variable's type in the library; `undefined` for one that only the API has, such as `_Any`. */
  function renamedType(type: VariableDefinitionNode['type']): VariableDefinitionNode['type'] | undefined {
    if (type.kind !== Kind.NAMED_TYPE) {
      const inner = renamedType(type.type);
      return inner && ({ ...type, type: inner } as VariableDefinitionNode['type']);
    }
    const name = names.toLibrary(type.name.value);
    return name === undefined || library.getType(name) === undefined ? undefined : { ...type, name: nameNode(name) };
  }

  return {
    root: (context, info) =>
      ask(
        context,
        info,
        info.fieldNodes.map((node) => remembered(node, () => new TypeInfo(api(), api().getQueryType()))),
        { definitions: [], values: {} },
      ),
    field: (context, info, { name, typeName, arguments: args, selections, extra }, own) => {
      const onType = api().getType(typeName) as GraphQLOutputType;
      const set = translated({ kind: Kind.SELECTION_SET, selections }, new TypeInfo(api(), onType));
      return ask(
        context,
        info,
        [
          {
            kind: Kind.FIELD,
            name: nameNode(name),
            arguments: args,
            selectionSet: { ...set, selections: [...set.selections, ...extra] },
          },
        ],
        own,
      );
    },
  };
}

export const nameNode = (value: string) => ({ kind: Kind.NAME, value }) as const;

const typenameNode: FieldNode = { kind: Kind.FIELD, alias: nameNode(TYPENAME), name: nameNode('__typename') };
