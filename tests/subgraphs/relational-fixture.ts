/** A relational subgraph on a database of its own, and two tenants that ask it. */
import { graphql, type GraphQLFormattedError } from 'graphql';
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import { createRelational } from '#subgraphs/relational/index.ts';
import type { Chat } from '#subgraphs/shared/ports.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { Subgraph } from '#subgraphs/shared/subgraph.ts';
import { createTestDatabase } from '#tests/setup/postgres.ts';

export interface Answer {
  data: any; // eslint-disable-line @typescript-eslint/no-explicit-any -- answers are looked into, and a wrong shape fails the test
  errors?: readonly GraphQLFormattedError[];
  /** `extensions.code` of each error. */
  codes: unknown[];
  context: RequestContext;
}

export interface RelationalFixture extends AsyncDisposable {
  subgraph: Subgraph;
  postgres: Postgres;
  url: string;
  /** Executes as a tenant; `system` as the gateway itself. */
  ask(tenantId: string, source: string, variables?: Record<string, unknown>, options?: Asking): Promise<Answer>;
  /** Like `ask`, and fails on any error. */
  get(tenantId: string, source: string, variables?: Record<string, unknown>, options?: Asking): Promise<Answer['data']>;
}

/** Who asks, of a tenant. */
export interface Asking {
  system?: boolean;
  /** @default one for each tenant */
  subject?: string;
  /** @default none */
  scopes?: readonly string[];
}

export const contextOf = (tenantId: string, { system = false, subject, scopes = [] }: Asking = {}): RequestContext =>
  createRequestContext({
    tenantId,
    subject: subject ?? (system ? 'system:test' : `${tenantId}-user`),
    roles: [],
    scopes,
    system,
  });

/** @param chat a model for what asks one. @default none */
export async function createRelationalFixture(chat?: Chat): Promise<RelationalFixture> {
  const database = await createTestDatabase();
  const postgres = new Postgres({ url: database.url });
  const subgraph = await createRelational({}, { postgres, chat: () => chat });
  const ask: RelationalFixture['ask'] = async (tenantId, source, variables, options) => {
    const context = contextOf(tenantId, options);
    const { data, errors } = await graphql({
      schema: subgraph.schema,
      source,
      variableValues: variables,
      contextValue: context,
    });
    return { data, errors, codes: (errors ?? []).map((error) => error.extensions['code'] ?? error.message), context };
  };
  return {
    subgraph,
    postgres,
    url: database.url,
    ask,
    get: async (...given) => {
      const { data, errors } = await ask(...given);
      if (errors)
        throw new Error(
          errors
            .map((error) => `${error.message} ${JSON.stringify(error.extensions)} ${String((error as Error).cause)}`)
            .join('\n'),
        );
      return data;
    },
    [Symbol.asyncDispose]: async () => {
      await subgraph.close();
      await postgres.close();
      await database[Symbol.asyncDispose]();
    },
  };
}

export const UPSERT = /* GraphQL */ `
  mutation ($input: UpsertDocumentInput!) {
    upsertDocument(input: $input) {
      document {
        id
        title
        source
        text
        contentHash
        createdAt
        updatedAt
        file {
          key
        }
        indexing {
          store
          state
          error
          attempts
        }
        chunks(first: 200) {
          edges {
            node {
              id
              index
              text
            }
          }
        }
      }
    }
  }
`;

export const note = (source: string, text: string, more: Record<string, unknown> = {}) => ({
  input: { title: source, source, mediaType: 'text/markdown', text, ...more },
});
