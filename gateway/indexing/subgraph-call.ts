/** One operation on one subgraph as the system, outside any client's request. */
import type { DocumentNode } from 'graphql';
import { Kind } from 'graphql';
import type { SubgraphClient } from '#gateway/execute/clients/subgraph-client.ts';
import { createRequestContext, type Principal, type RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError, type ErrorCode } from '#subgraphs/shared/errors.ts';
import { INDEXING } from '#gateway/bounds/indexing.ts';

/** Tenant under which calls are made that concern no single tenant. */
const SYSTEM_TENANT = 'system';

/**
 * Executes `document` on `subgraph` and returns its data.
 * @throws CodedError with the subgraph's own code and message when any field failed
 */
export type SubgraphCall = <Data>(
  subgraph: string,
  document: DocumentNode,
  variables: Record<string, unknown>,
  tenantId?: string,
) => Promise<Data>;

/** What makes the context of a call as the system; `signal` ends it. */
export const systemContext = (
  signal: AbortSignal,
  tenantId = SYSTEM_TENANT,
  { subject, scopes }: Pick<Principal, 'subject' | 'scopes'> = { subject: 'system:indexing', scopes: [] },
): RequestContext => createRequestContext({ tenantId, subject, roles: [], scopes, system: true }, { signal });

/**
 * Makes calls with the system principal of the tenant named; `signal` ends those under way.
 * @param timeoutMs longest time for one, in milliseconds
 * @param who who is said to act, and with which scopes
 */
export function systemCalls(
  clients: ReadonlyMap<string, SubgraphClient>,
  signal: AbortSignal,
  timeoutMs = INDEXING.callTimeoutMs,
  who?: Pick<Principal, 'subject' | 'scopes'>,
): SubgraphCall {
  return async <Data>(
    subgraph: string,
    document: DocumentNode,
    variables: Record<string, unknown>,
    tenantId = SYSTEM_TENANT,
  ) => {
    const client = clients.get(subgraph);
    if (client === undefined) throw new CodedError('SUBGRAPH_UNAVAILABLE', `The subgraph ${subgraph} is not mounted.`);
    const [operation] = document.definitions;
    const result = await client.execute({
      document,
      operationType: operation?.kind === Kind.OPERATION_DEFINITION ? operation.operation : 'query',
      variables,
      context: systemContext(AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]), tenantId, who),
    });
    const [error] = result.errors ?? [];
    if (error !== undefined) {
      const code = (error.extensions?.code ?? 'INTERNAL_SERVER_ERROR') as ErrorCode;
      const { hint, retryAfterSeconds } = error.extensions ?? {};
      throw new CodedError(code, error.message, {
        cause: error.originalError ?? error,
        ...(typeof hint === 'string' ? { hint } : {}),
        extensions: { service: subgraph, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) },
      });
    }
    return result.data as Data;
  };
}
