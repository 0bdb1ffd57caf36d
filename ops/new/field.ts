/** `npm run new -- field <subgraph> <Type> <field> [<scalar>]`: the field where its type is, and a test to the store. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import ts from 'typescript';
import { subgraphNamed } from './driver.ts';
import { objectTypes, type TypeDefinition } from './object-types.ts';
import { append, bare, nameOf, nodesOf, parseSource, propertyOf, withInsertions } from './source.ts';
import { fill, NewError, type Skeleton } from './template.ts';

/** Types of fields: how Pothos makes them, what a model calls them, what a row has, and what PostgreSQL keeps. */
const SCALARS: Readonly<Record<string, { method?: string; column?: string; row?: string; sql?: string }>> = {
  String: { method: 'string', column: 'text', row: 'string', sql: 'text' },
  ID: { method: 'id', column: 'id', row: 'string', sql: 'text' },
  Int: { method: 'int', column: 'int', row: 'number', sql: 'integer' },
  Boolean: { method: 'boolean', column: 'boolean', row: 'boolean', sql: 'boolean' },
  DateTime: { column: 'moment', row: 'Date', sql: 'timestamptz' },
  JSON: { column: 'json', row: 'JsonValue', sql: 'jsonb' },
  Float: { method: 'float' },
};
export const FIELD_TYPES = Object.keys(SCALARS);

/** `MemoryFact` → `memory_fact`; `language` → `language`. */
const snake = (name: string): string => name.replaceAll(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
const kebab = (name: string): string => snake(name).replaceAll('_', '-');

const MODELS = 'subgraphs/relational/models/columns.ts';
const ROWS = 'subgraphs/relational/driver.ts';

/**
 * The skeleton of a field.
 * @param root the project's folder
 * @throws NewError where the words name no type, or a field that there is
 */
export async function newField(
  root: string,
  [subgraphWord, type, field, scalar = 'String', ...more]: readonly string[],
): Promise<Skeleton> {
  const subgraph = subgraphNamed(subgraphWord);
  if (type === undefined || field === undefined || !/^[a-z][A-Za-z0-9]*$/.test(field) || more.length > 0)
    throw new NewError('A field needs its type and its name: field relational Document language');
  if (!(scalar in SCALARS))
    throw new NewError(`There is no type ${scalar} to begin with. There are: ${FIELD_TYPES.join(', ')}.`);
  const definition = await definitionOf(root, subgraph, type);
  if (namesIn(definition).includes(field))
    throw new NewError(`${type}.${field} is there already: ${definition.source.fileName}`);

  const values = { subgraph, type, field, kebab: kebab(`${type}-${field}`) };
  const columns = definition.columns && SCALARS[scalar]!.column ? await modelOf(root, type) : undefined;
  const part =
    columns === undefined
      ? resolvedField(definition, field, scalar)
      : await columnField(root, definition, columns, field, scalar);
  return {
    created: new Map([
      ...part.created,
      [
        `tests/contract/${subgraph}-${kebab(type)}-${kebab(field)}.test.ts`,
        await fill('field/contract.test.ts.txt', { ...values, source: part.described, todo: part.todo }),
      ],
    ]),
    changed: part.changed,
    next: await fill(columns === undefined ? 'field/next-resolved.txt' : 'field/next-column.txt', {
      ...values,
      source: definition.source.fileName,
      test: `tests/contract/${subgraph}-${kebab(type)}-${kebab(field)}.test.ts`,
      migration: [...part.created.keys()][0] ?? '',
    }),
  };
}

/** What the two kinds of field differ in. */
interface FieldParts {
  readonly created: ReadonlyMap<string, string>;
  readonly changed: ReadonlyMap<string, string>;
  /** The file with the field's description. */
  readonly described: string;
  /** What the test of its value says until it is written. */
  readonly todo: string;
}

async function definitionOf(root: string, subgraph: string, type: string): Promise<TypeDefinition> {
  const known = await objectTypes(root, subgraph);
  const found = known.find((definition) => definition.type === type);
  if (found !== undefined) return found;
  const names = known.map((definition) => definition.type).sort();
  throw new NewError(
    `${subgraph} defines no type ${type} that a field can be added to. It defines: ${names.join(', ')}.`,
  );
}

const namesIn = ({ fields, columns }: TypeDefinition): (string | undefined)[] => [
  ...fields.properties.map(({ name }) => nameOf(name)),
  ...(columns?.elements.filter(ts.isStringLiteral).map(({ text }) => text) ?? []),
];

/** A field with a resolver that is still to be written. */
function resolvedField({ source, builder, fields, type }: TypeDefinition, field: string, scalar: string): FieldParts {
  const { method } = SCALARS[scalar]!;
  const text = `
    ${field}: ${builder}.${method === undefined ? `field({ type: '${scalar}',` : `${method}({`}
      description: 'TODO: what it is, for an agent that reads nothing else.',
      resolve: () => {
        throw new Error('${type}.${field} is not written yet.');
      },
    })`;
  return {
    created: new Map(),
    changed: new Map([[source.fileName, withInsertions(source.text, [append(fields.properties, text)])]]),
    described: source.fileName,
    todo: `Resolve ${type}.${field} in ${source.fileName}; then write a value here as a caller would, and read it.`,
  };
}

/** A model of relational by its type: the table and the list of its columns. */
async function modelOf(
  root: string,
  type: string,
): Promise<{ source: ts.SourceFile; table: string; columns: ts.ObjectLiteralExpression } | undefined> {
  const source = await parseSource(root, MODELS);
  for (const declared of nodesOf(source, ts.isVariableDeclaration)) {
    if (declared.name.getText() !== 'MODELS' || declared.initializer === undefined) continue;
    const models = bare(declared.initializer);
    const model = ts.isObjectLiteralExpression(models) ? propertyOf(models, type) : undefined;
    const [table, columns] =
      model && ts.isObjectLiteralExpression(model) ? [propertyOf(model, 'table'), propertyOf(model, 'columns')] : [];
    if (table && ts.isStringLiteral(table) && columns && ts.isObjectLiteralExpression(columns))
      return { source, table: table.text, columns };
  }
  return undefined;
}

/** A column: in a migration, in the row, in the model, and among the fields that are columns as they are. */
async function columnField(
  root: string,
  { source, columns: listed, type }: TypeDefinition,
  model: { source: ts.SourceFile; table: string; columns: ts.ObjectLiteralExpression },
  field: string,
  scalar: string,
): Promise<FieldParts> {
  const { column, row, sql } = SCALARS[scalar]!;
  const rows = await parseSource(root, ROWS);
  const shape = rows.statements.filter(ts.isInterfaceDeclaration).find(({ name }) => name.text === `${type}Row`);
  if (shape === undefined) throw new NewError(`${ROWS} has no interface ${type}Row.`);
  const modelText = `
    ${field}: {
      column: '${snake(field)}',
      type: '${column}',
      description: 'TODO: what it is, for an agent that reads nothing else.',
      nullable: true,
    }`;
  return {
    created: new Map([
      [
        await nextMigration(root, `${snake(type)}_${snake(field)}`),
        `-- TODO: say why ${type} has it.\nALTER TABLE relational.${model.table} ADD COLUMN ${snake(field)} ${sql};\n`,
      ],
    ]),
    changed: new Map([
      [MODELS, withInsertions(model.source.text, [append(model.columns.properties, modelText)])],
      [ROWS, withInsertions(rows.text, [{ at: shape.members.end, text: `\n  ${field}: ${row} | null;` }])],
      [source.fileName, withInsertions(source.text, [append(listed!.elements, `'${field}'`)])],
    ]),
    described: MODELS,
    todo: `Have ${type}.${field} written (input, driver); then write a value here as a caller would, and read it.`,
  };
}

/** `subgraphs/relational/migrations/0005_document_language.sql`: migrations go forward only, so a change is a new one. */
async function nextMigration(root: string, name: string): Promise<string> {
  const folder = 'subgraphs/relational/migrations';
  const numbers = (await readdir(join(root, folder))).map((file) => Number.parseInt(file, 10)).filter(Number.isInteger);
  return `${folder}/${String(Math.max(0, ...numbers) + 1).padStart(4, '0')}_${name}.sql`;
}
