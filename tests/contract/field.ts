/** What every field must do that `npm run new -- field` began; each test says what to do next. */
import { readFile } from 'node:fs/promises';
import { Kind, parse } from 'graphql';
import { describe, expect, test } from 'vitest';
import { printedSubgraphs } from '#ops/schema.ts';
import type { SubgraphName } from '#subgraphs/shared/subgraph.ts';

export interface FieldUnderTest {
  readonly subgraph: SubgraphName;
  /** The object type that has it. */
  readonly type: string;
  readonly field: string;
  /** The file that defines it. */
  readonly source: string;
  /** Writes a value as a caller would, on a real store, and reads it through the schema. */
  roundTrip(): Promise<{ written: unknown; read: unknown }>;
}

/** The description of a field in a printed schema; undefined where it has none. */
function descriptionIn(sdl: string, type: string, field: string): string | undefined {
  for (const definition of parse(sdl).definitions) {
    const isType = definition.kind === Kind.OBJECT_TYPE_DEFINITION || definition.kind === Kind.OBJECT_TYPE_EXTENSION;
    if (!isType || definition.name.value !== type) continue;
    const found = definition.fields?.find(({ name }) => name.value === field);
    if (found !== undefined) return found.description?.value;
  }
  return expect.fail(`The schema has no ${type}.${field}.`);
}

/** Registers the suite. */
export function fieldContract({ subgraph, type, field, source, roundTrip }: FieldUnderTest): void {
  describe(`the field ${type}.${field}`, () => {
    const printed = async (): Promise<string> => (await printedSubgraphs()).find(({ name }) => name === subgraph)!.sdl;

    test('is described', async () => {
      const description = descriptionIn(await printed(), type, field) ?? 'TODO';
      if (description.startsWith('TODO'))
        expect.fail(`Describe ${type}.${field} in ${source}, for an agent that reads nothing else.`);
    });

    test('is printed', async () => {
      const committed = await readFile(new URL(`../../subgraphs/${subgraph}/schema.graphql`, import.meta.url), 'utf8');
      if (committed !== (await printed())) expect.fail('Run `npm run schema`, and commit what it prints.');
    });

    test('has the value that was written', async () => {
      const { written, read } = await roundTrip();
      expect(written).not.toBeNull();
      expect(read).toEqual(written);
    });
  });
}
