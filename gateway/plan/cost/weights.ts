/**
 * What fields cost, as a supergraph says it: `@cost` and `@listSize` of the cost specification
 * (https://ibm.github.io/graphql-specs/cost-spec.html), as Federation 2.9 has them
 * (https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/directives#customizing-demand-controls).
 */
import { Kind, parse, valueFromASTUntyped, type DirectiveNode, type FieldDefinitionNode } from 'graphql';

/** What a field says of the sizes of lists. */
export interface ListSize {
  /** Items where no argument says how many. */
  readonly assumedSize: number | undefined;
  /** Arguments that say how many: numbers, or lists, whose length it is. The largest counts. */
  readonly slicingArguments: readonly string[];
  /** The lists that they are about, in the object that the field gives; the field itself where there are none. */
  readonly sizedFields: readonly string[];
}

export interface FieldCost {
  /** In the place of the weight of the field's type. */
  readonly weight: number | undefined;
  readonly listSize: ListSize | undefined;
  /** By argument. */
  readonly arguments: ReadonlyMap<string, number>;
}

/** All that a supergraph says of costs. */
export interface Weights {
  /** By `Type.field`; also of input objects. */
  readonly fields: ReadonlyMap<string, FieldCost>;
  /** By the names of types. */
  readonly types: ReadonlyMap<string, number>;
  /** Whether fields of input objects have weights. */
  readonly hasInputs: boolean;
}

/** Reads them from a supergraph's SDL. */
export function readWeights(supergraphSdl: string): Weights {
  const document = parse(supergraphSdl, { noLocation: true });
  const fields = new Map<string, FieldCost>();
  const types = new Map<string, number>();
  let hasInputs = false;
  for (const definition of document.definitions) {
    if (!('name' in definition) || definition.name === undefined || !('directives' in definition)) continue;
    const weight = weightOf(definition.directives);
    if (weight !== undefined) types.set(definition.name.value, weight);
    if (!('fields' in definition)) continue;
    for (const field of definition.fields ?? []) {
      const cost = costOf(field as FieldDefinitionNode);
      if (cost === undefined) continue;
      fields.set(`${definition.name.value}.${field.name.value}`, cost);
      hasInputs ||= definition.kind === Kind.INPUT_OBJECT_TYPE_DEFINITION;
    }
  }
  return { fields, types, hasInputs };
}

function costOf(field: FieldDefinitionNode): FieldCost | undefined {
  const weight = weightOf(field.directives);
  const listSize = listSizeOf(field.directives);
  const args = new Map<string, number>();
  for (const argument of field.arguments ?? []) {
    const own = weightOf(argument.directives);
    if (own !== undefined) args.set(argument.name.value, own);
  }
  return weight === undefined && listSize === undefined && args.size === 0
    ? undefined
    : { weight, listSize, arguments: args };
}

const weightOf = (directives: readonly DirectiveNode[] | undefined): number | undefined =>
  argumentsOf(directives, 'cost')?.['weight'] as number | undefined;

function listSizeOf(directives: readonly DirectiveNode[] | undefined): ListSize | undefined {
  const given = argumentsOf(directives, 'listSize');
  if (given === undefined) return undefined;
  const { assumedSize, slicingArguments, sizedFields } = given as Partial<ListSize>;
  return {
    assumedSize: assumedSize ?? undefined,
    slicingArguments: slicingArguments ?? [],
    sizedFields: sizedFields ?? [],
  };
}

/** Composition gives the directives their own names, or the specification's as a prefix. */
function argumentsOf(
  directives: readonly DirectiveNode[] | undefined,
  name: string,
): Readonly<Record<string, unknown>> | undefined {
  const found = directives?.find((directive) => [name, `cost__${name}`].includes(directive.name.value));
  return (
    found && Object.fromEntries((found.arguments ?? []).map((arg) => [arg.name.value, valueFromASTUntyped(arg.value)]))
  );
}
