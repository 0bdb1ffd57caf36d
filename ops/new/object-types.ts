/** Where the object types of a subgraph get their fields: the places in its sources that a field is added to. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import ts from 'typescript';
import { bare, nodesOf, parseSource, propertyOf } from './source.ts';

/** The definition of one type's fields: `fields: (t) => ({ … })`. */
export interface TypeDefinition {
  readonly type: string;
  readonly source: ts.SourceFile;
  /** The name of Pothos' field builder in it: `t`. */
  readonly builder: string;
  readonly fields: ts.ObjectLiteralExpression;
  /** The list of fields that are columns as they are, where the type is one of a model's (`entityType`). */
  readonly columns?: ts.ArrayLiteralExpression;
}

/** Every object type that the sources in `subgraphs/<name>/schema/` define by name. */
export async function objectTypes(root: string, subgraph: string): Promise<TypeDefinition[]> {
  const folder = `subgraphs/${subgraph}/schema`;
  const files = (await readdir(join(root, folder))).filter((file) => file.endsWith('.ts'));
  const sources = await Promise.all(files.map((file) => parseSource(root, `${folder}/${file}`)));
  const calls = sources.flatMap((source) => nodesOf(source, ts.isCallExpression).map((call) => ({ source, call })));
  const refs = calls.flatMap(({ source, call }) => {
    const name = refName(call);
    return name === undefined ? [] : [{ source, call, name }];
  });
  return calls.flatMap(({ source, call }) => {
    const model = modelType(call);
    if (model !== undefined) return [{ ...model, source }];
    const type = implementedType(source, call, refs);
    const options = call.arguments[0];
    const fields =
      type !== undefined && options && ts.isObjectLiteralExpression(options)
        ? propertyOf(options, 'fields')
        : undefined;
    const made = fields && madeFields(fields);
    return type === undefined || made === undefined ? [] : [{ type, source, ...made }];
  });
}

interface Ref {
  readonly source: ts.SourceFile;
  readonly call: ts.CallExpression;
  readonly name: string;
}

/** `Chunk` of `builder.objectRef<Stub>('Chunk')` and `builder.externalRef('Document', …)`. */
function refName({ expression, arguments: [name] }: ts.CallExpression): string | undefined {
  if (!ts.isPropertyAccessExpression(expression) || !['objectRef', 'externalRef'].includes(expression.name.text))
    return undefined;
  return name && ts.isStringLiteral(name) ? name.text : undefined;
}

/** The type of `ref.implement(…)`, with `ref` made in place, kept in a variable, or given as a parameter. */
function implementedType(source: ts.SourceFile, call: ts.CallExpression, refs: readonly Ref[]): string | undefined {
  if (!ts.isPropertyAccessExpression(call.expression) || call.expression.name.text !== 'implement') return undefined;
  const ref = bare(call.expression.expression);
  if (ts.isCallExpression(ref)) return refName(ref);
  if (!ts.isIdentifier(ref)) return undefined;
  const variable = refs.find(
    ({ source: of, call: made }) =>
      of === source && ts.isVariableDeclaration(made.parent) && made.parent.name.getText() === ref.text,
  );
  if (variable !== undefined) return variable.name;
  // `ref: ImplementableObjectRef<…, RunReference>` is what some file made by `objectRef<RunReference>('Run')`.
  const parameter = nodesOf(source, ts.isParameter).find(({ name }) => name.getText() === ref.text);
  const shape =
    parameter?.type && ts.isTypeReferenceNode(parameter.type) ? parameter.type.typeArguments?.at(-1) : undefined;
  const made = refs.filter(({ call: other }) => shape && other.typeArguments?.[0]?.getText() === shape.getText());
  return made.length === 1 ? made[0]!.name : undefined;
}

/** `entityType(parts, 'Document', description, [columns], (t) => ({ … }))`, as relational defines its models. */
function modelType(call: ts.CallExpression): Omit<TypeDefinition, 'source'> | undefined {
  const [, name, , columns, fields] = call.arguments;
  if (call.expression.getText() !== 'entityType' || !name || !ts.isStringLiteral(name)) return undefined;
  if (!columns || !ts.isArrayLiteralExpression(columns)) return undefined;
  const made = fields && madeFields(fields);
  return {
    type: name.text,
    columns,
    ...(made ?? { builder: 't', fields: ts.factory.createObjectLiteralExpression() }),
  };
}

/** The object that `(t) => ({ … })` makes. */
function madeFields(fields: ts.Expression): Pick<TypeDefinition, 'builder' | 'fields'> | undefined {
  if (!ts.isArrowFunction(fields) || ts.isBlock(fields.body)) return undefined;
  const object = bare(fields.body);
  const builder = fields.parameters[0]?.name.getText();
  return ts.isObjectLiteralExpression(object) && builder !== undefined ? { builder, fields: object } : undefined;
}
