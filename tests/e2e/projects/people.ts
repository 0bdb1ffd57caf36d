/** Who asks in tests of projects: whoever a proxy's headers say. */
import { expect, vi } from 'vitest';
import { ALL_SCOPES } from '#subgraphs/shared/scopes.ts';
import { WAYS_IN } from '#tests/gateway/ways-in.ts';

export type Who = Readonly<Record<string, string>>;
export const who = (tenant: string, project?: string, user = 'ann'): Who => ({
  'remote-user': user,
  'x-tenant': tenant,
  ...(project === undefined ? {} : { 'x-project': project }),
});

/** How a server is told whom to believe; everybody may do everything. */
export const PEOPLE: Record<string, string> = {
  TRUSTED_PROXIES: 'loopback',
  FORWARD_AUTH_USER_HEADER: 'remote-user',
  FORWARD_AUTH_TENANT_HEADER: 'x-tenant',
  FORWARD_AUTH_PROJECT_HEADER: 'x-project',
  ROLE_SCOPES: `*=${ALL_SCOPES.join(' ')}`,
};

/** Asks a server as somebody. `answer` gives what comes; `ask` fails on any error. */
export function asking(url: () => string) {
  const answer = async (says: Who, query: string, variables: Record<string, unknown> = {}, way = 'POST') =>
    (await WAYS_IN[way]!(url(), { query, variables }, says)).answer;
  const ask = async (says: Who, query: string, variables: Record<string, unknown> = {}, way?: string) => {
    const { data, errors } = await answer(says, query, variables, way);
    expect(errors).toBeUndefined();
    return data;
  };
  /** Waits until all stores have followed a document of his. */
  const untilIndexed = async (says: Who, id: string): Promise<void> => {
    await vi.waitFor(
      async () => {
        const { document } = await ask(says, 'query ($id: ID!) { document(id: $id) { indexing { state } } }', { id });
        expect(document.indexing.map(({ state }: { state: string }) => state)).toEqual(['DONE', 'DONE', 'DONE']);
      },
      { timeout: 20_000 },
    );
  };
  return { answer, ask, untilIndexed };
}
