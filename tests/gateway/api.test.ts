import { readFile } from 'node:fs/promises';
import {
  buildSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isSpecifiedScalarType,
  parse,
  validate,
} from 'graphql';
import { describe, expect, test } from 'vitest';
import { compose } from '#gateway/supergraph/compose.ts';
import { describe as describeFinding } from '#gateway/supergraph/findings.ts';
import { loadSchema } from '#gateway/supergraph/schema-source.ts';
import { readSupergraphFile } from '#gateway/supergraph/supergraph-file.ts';
import { printedApi, printedSubgraphs } from '#ops/schema.ts';
import { generatedFiles } from '#root/codegen.ts';

const file = new URL('../../supergraph.yaml', import.meta.url).pathname;
const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');

describe('the API', () => {
  test('every public type, field, argument and enum value has a description', async () => {
    const schema = buildSchema(await read('gateway/supergraph/api.graphql'));
    const bare: string[] = [];
    const check = (coordinate: string, { description }: { description?: string | null }) => {
      if (!description?.trim()) bare.push(coordinate);
    };
    for (const type of Object.values(schema.getTypeMap())) {
      if (isIntrospectionType(type) || isSpecifiedScalarType(type)) continue;
      check(type.name, type);
      if (isEnumType(type)) for (const value of type.getValues()) check(`${type.name}.${value.name}`, value);
      if (!isObjectType(type) && !isInterfaceType(type) && !isInputObjectType(type)) continue;
      for (const field of Object.values(type.getFields())) {
        check(`${type.name}.${field.name}`, field);
        if ('args' in field)
          for (const argument of field.args) check(`${type.name}.${field.name}(${argument.name}:)`, argument);
      }
    }
    expect(bare).toEqual([]);
  });

  test('what only the gateway itself may call is not part of it', async () => {
    const api = await read('gateway/supergraph/api.graphql');
    for (const name of [
      'claimOutbox',
      'completeOutbox',
      'failOutbox',
      'outboxStatus',
      'indexDocumentGraph',
      'removeDocumentGraph',
      'indexDocumentVectors',
      'removeDocumentVectors',
      '_entities',
    ]) {
      expect(api).not.toContain(name);
    }
  });

  test("the contract's operations fit it", async () => {
    const schema = buildSchema(await read('gateway/supergraph/api.graphql'));
    expect(validate(schema, parse(await read('tests/contract/operations.graphql')))).toEqual([]);
  });
});

describe('what is printed is up to date', () => {
  test('schemas of the subgraphs and the API', async () => {
    const { subgraphs } = await readSupergraphFile(file);
    const { supergraphSdl, errors, hints } = compose(await Promise.all(subgraphs.map((entry) => loadSchema(entry))));
    expect([...errors, ...hints].map(describeFinding)).toEqual([]);
    for (const { name, sdl } of await printedSubgraphs())
      expect(await read(`subgraphs/${name}/schema.graphql`), `${name}: run npm run schema`).toBe(sdl);
    expect(await read('gateway/supergraph/api.graphql'), 'run npm run schema').toBe(printedApi(supergraphSdl!));
  });

  test('typed operations', async () => {
    for (const { filename, content } of await generatedFiles())
      expect(await read(filename), 'run npm run codegen').toBe(content);
  }, 60_000);
});
