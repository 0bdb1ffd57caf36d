/** Asking engines with filters across stores. */
import { parse, validate, type ExecutionResult } from 'graphql';
import { expect } from 'vitest';
import type { ConditionBounds } from '#gateway/conditions/asking.ts';
import { withConditions } from '#gateway/conditions/conditions-engine.ts';
import { widenedFilters } from '#gateway/conditions/widen.ts';
import { createEngine, type Engine } from '#gateway/execute/engine.ts';
import { createRequestContext, type Principal } from '#subgraphs/shared/context.ts';
import type { TestServer } from '#tests/setup/server.ts';

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are whatever was asked for */

export interface Asked {
  readonly on?: Engine;
  readonly as?: Principal;
  readonly trace?: boolean;
}
type Variables = Record<string, unknown>;

/** @param defaults on which engine, and as whom, where a test says nothing else */
export function asking(defaults: () => { on: Engine; as: Principal }) {
  async function asked(
    query: string,
    variables: Variables = {},
    given: Asked = {},
  ): Promise<ExecutionResult<any, any>> {
    const { on, as, trace } = { ...defaults(), ...given };
    const document = parse(query);
    expect(validate(on.schema, document)).toEqual([]);
    const context = createRequestContext(as);
    return (await on.execute({ document, variables, context, trace })) as ExecutionResult<any, any>;
  }

  async function dataOf(query: string, variables?: Variables, given?: Asked): Promise<any> {
    const { data, errors } = await asked(query, variables, given);
    expect(errors).toBeUndefined();
    return data;
  }

  /** Writes a document. @returns its id */
  async function writeDocument(input: object, as?: Principal): Promise<string> {
    const { upsertDocument } = await dataOf(
      'mutation($input: UpsertDocumentInput!) { upsertDocument(input: $input) { document { id } } }',
      { input },
      as && { as },
    );
    return upsertDocument.document.id as string;
  }

  /** That documents asked for so are refused, and nothing beside them. */
  async function refusesDocuments(args: string, message: RegExp): Promise<void> {
    const { data, errors } = await asked(`{ documents(${args}) { nodes { id } } tenant { id } }`);
    expect(errors).toMatchObject([{ path: ['documents'], extensions: { code: 'BAD_USER_INPUT' } }]);
    expect(errors![0]!.message).toMatch(message);
    expect(data.documents).toBeNull();
    expect(data.tenant).not.toBeNull();
  }

  return { asked, dataOf, writeDocument, refusesDocuments };
}

/** An engine of the server's subgraphs. @param change of its supergraph. @default none */
export async function engineOf(
  { server, services }: TestServer,
  change: (sdl: string) => string = (sdl) => sdl,
  bounds: Partial<ConditionBounds> = {},
): Promise<Engine> {
  const supergraphSdl = change(server.supergraph.current.sdl);
  return withConditions(
    await createEngine({ supergraphSdl, clients: services.clients, widen: widenedFilters }),
    bounds,
  );
}

/** The supergraph with smaller pages, for the gateway's questions alone. */
export function inPages(sdl: string, page: number): string {
  for (const key of ['id', 'key']) expect(sdl).toContain(`@lists(key: "${key}", first: 20`);
  return sdl.replaceAll(/@lists\(key: "(id|key)", first: 20/g, `@lists(key: "$1", page: ${page}, values: 7`);
}
