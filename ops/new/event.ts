/** `npm run new -- event <NAME>`: an event type in the one table of them, and a test that appends and reads it. */
import ts from 'typescript';
import { append, bare, nameOf, nodesOf, parseSource, withInsertions } from './source.ts';
import { fill, NewError, type Skeleton } from './template.ts';

const TABLE = 'subgraphs/runs/events/event-types.ts';
const SCHEMAS = 'subgraphs/runs/events/event-schemas.ts';

/**
 * The skeleton of an event type of runs.
 * @param root the project's folder
 * @throws NewError where the word is no name, or one that there is
 */
export async function newEvent(root: string, [name, ...more]: readonly string[]): Promise<Skeleton> {
  if (name === undefined || !/^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/.test(name) || more.length > 0)
    throw new NewError('An event type needs one name in capitals, for what has happened: event LINK_SHARED');
  const [source, schemas] = [await parseSource(root, TABLE), await parseSource(root, SCHEMAS)];
  const types = tableOf(source, 'EVENT_TYPES');
  if (types.properties.some((property) => nameOf(property.name) === name))
    throw new NewError(`${name} is there already: ${TABLE}`);
  // RAW and CUSTOM, which take what has no type of its own, stay last.
  const before = types.properties.find((property) => nameOf(property.name) === 'RAW') ?? types.properties.at(-1)!;
  const test = `tests/contract/runs-event-${name.toLowerCase().replaceAll('_', '-')}.test.ts`;
  return {
    created: new Map([[test, await fill('event/contract.test.ts.txt', { name })]]),
    changed: new Map([
      [
        TABLE,
        withInsertions(source.text, [{ at: before.getStart(), text: await fill('event/entry.ts.txt', { name }) }]),
      ],
      [
        SCHEMAS,
        withInsertions(schemas.text, [append(tableOf(schemas, 'OURS').properties, `\n  ${name}: z.looseObject({})`)]),
      ],
    ]),
    next: await fill('event/next.txt', { name, test }),
  };
}

/** The object that a constant of a file is. */
function tableOf(source: ts.SourceFile, name: string): ts.ObjectLiteralExpression {
  const declared = nodesOf(source, ts.isVariableDeclaration).find((found) => found.name.getText() === name);
  const table = declared?.initializer && bare(declared.initializer);
  if (table === undefined || !ts.isObjectLiteralExpression(table))
    throw new Error(`${source.fileName} has no table ${name}.`);
  return table;
}
