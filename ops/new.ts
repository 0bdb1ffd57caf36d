/**
 * `npm run new -- <what> …`: writes the skeleton of one of the commonest changes, with a contract test that fails and
 * says what to do next.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SUBGRAPH_NAMES } from '#subgraphs/shared/subgraph.ts';
import { newDriver } from './new/driver.ts';
import { newEvent } from './new/event.ts';
import { FIELD_TYPES, newField } from './new/field.ts';
import { NewError, writeSkeleton, type Skeleton } from './new/template.ts';
import { tellUsage } from './serve/explain.ts';

const KINDS: Readonly<Record<string, (root: string, words: readonly string[]) => Promise<Skeleton>>> = {
  driver: newDriver,
  field: newField,
  event: newEvent,
};

const HELP = `npm run new -- driver <subgraph> <store>                    another store behind a subgraph:
                                                            driver vector milvus
npm run new -- field <subgraph> <Type> <field> [<type>]     a field of a type that a subgraph defines:
                                                            field relational Document language
npm run new -- event <NAME>                                 an event type of runs:
                                                            event LINK_SHARED

Subgraphs: ${SUBGRAPH_NAMES.join(', ')}.
Types of fields: ${FIELD_TYPES.join(', ')}; String when absent. A relational type's field is a column, with its migration.

Each writes files that compile, and a test that fails and says what to do next. Nothing that exists is overwritten.`;

try {
  const { values, positionals } = parseArgs({
    options: { help: { type: 'boolean', short: 'h' } },
    allowPositionals: true,
  });
  const [kind, ...words] = positionals;
  if (values.help === true || kind === undefined) {
    process.exitCode = tellUsage(HELP, values.help);
  } else {
    const make = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
    if (make === undefined)
      throw new NewError(`There is no skeleton ${JSON.stringify(kind)}. See npm run new -- --help`);
    const root = fileURLToPath(new URL('../', import.meta.url));
    const skeleton = await make(root, words);
    await writeSkeleton(root, skeleton);
    for (const path of skeleton.created.keys()) console.log(`new      ${path}`);
    for (const path of skeleton.changed.keys()) console.log(`changed  ${path}`);
    console.log(`\n${skeleton.next.trimEnd()}`);
  }
} catch (error) {
  const expected =
    error instanceof NewError || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS') === true;
  console.error(expected ? (error as Error).message : error);
  process.exitCode = 1;
}
