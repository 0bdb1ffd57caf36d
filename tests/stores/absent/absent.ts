/**
 * What every way in which a store can be absent must come to: the right code, words that a person can act on, and no
 * secret anywhere.
 */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { graphql, GraphQLError } from 'graphql';
import { describe, expect, test } from 'vitest';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { CodedError, type ErrorCode } from '#subgraphs/shared/errors.ts';
import type { Subgraph } from '#subgraphs/shared/subgraph.ts';

/** In every wrong password and key of these tests. */
export const SECRET = 'hunter2secret';

export interface Absence {
  /** How the store is absent. */
  readonly how: string;
  /** Does what needs the store; must reject. */
  readonly attempt: () => Promise<unknown>;
  readonly code: ErrorCode;
  /** The variable to set or the command to run, which message and hint together must name. */
  readonly names: RegExp;
}

/** Registers a test for each row. @param secrets real ones, besides {@link SECRET} */
export function absences(store: string, rows: readonly Absence[], secrets: readonly string[] = []): void {
  describe(`${store}, absent`, () => {
    test.each(rows)('$how: $code', async ({ attempt, code, names }) => {
      const error = await attempt().then(
        (value) => new Error(`Nothing was wrong: ${JSON.stringify(value)}`),
        (thrown: unknown) => (thrown instanceof GraphQLError ? (thrown.originalError ?? thrown) : thrown),
      );
      if (!(error instanceof CodedError)) throw error;
      const { message, extensions } = error;
      const told = `${message} ${extensions.hint ?? ''}`;
      expect({ code: extensions.code, told }).toEqual({ code, told: expect.stringMatching(names) as string });
      // A person can act only on a whole sentence.
      expect(extensions.hint).toMatch(/\S{2,} \S{2,}/);
      let logged = '';
      createLogger({ level: 'trace', destination: { write: (line) => (logged += line) } }).error({ err: error }, told);
      expect(logged).toContain(code);
      for (const secret of [SECRET, ...secrets])
        for (const text of [told, logged, JSON.stringify(extensions)]) expect(text).not.toContain(secret);
    });
  });
}

/** Asks one subgraph as a tenant and rejects with the first error. */
export async function ask(subgraph: Promise<Subgraph>, source: string, signal?: AbortSignal): Promise<unknown> {
  const mounted = await subgraph;
  try {
    const contextValue = createRequestContext(
      { tenantId: 'a', subject: 'test', roles: [], scopes: ['models:use'] },
      { signal },
    );
    const { data, errors } = await graphql({ schema: mounted.schema, source, contextValue });
    if (errors?.[0]) throw errors[0];
    return data;
  } finally {
    await mounted.close();
  }
}

/** A server that takes connections and never says a word. */
export async function silence(): Promise<{ port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket
      .on('error', () => undefined)
      .on('close', () => sockets.delete(socket))
      .resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
