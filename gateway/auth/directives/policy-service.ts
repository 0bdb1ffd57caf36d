/**
 * A service that decides policies, asked as Open Policy Agent's data API is
 * (https://www.openpolicyagent.org/docs/rest-api): `POST { "input": … }` is answered by `{ "result": … }`.
 */
import { Pool } from 'undici';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { projectOf, tenantOf } from '#subgraphs/shared/tenant-id.ts';
import { AUTH } from '#gateway/bounds/auth.ts';
import type { PolicyEvaluator } from './policies.ts';

export interface PolicyServiceOptions {
  /** Where to post questions, such as `http://127.0.0.1:8181/v1/data/tributary/policies`. */
  url: string;
  /** Longest wait for an answer, in milliseconds. Default: `AUTH.policyTimeoutMs`. */
  policyTimeoutMs?: number;
  /** Most connections to it. Default: `AUTH.policyConnections`. */
  policyConnections?: number;
}

export interface PolicyService {
  /**
   * Asks with `input: { policies, principal: { tenantId, project, subject, roles, scopes, anonymous }, requestId }`, without
   * `project` for a caller who is of none. The result is a list of those that hold, or an object of booleans by name. Throws where there is no such answer in time.
   */
  readonly evaluate: PolicyEvaluator;
  close(): Promise<void>;
}

export function policyService({
  url,
  policyTimeoutMs: timeoutMs = AUTH.policyTimeoutMs,
  policyConnections: connections = AUTH.policyConnections,
}: PolicyServiceOptions): PolicyService {
  const { origin, pathname, search } = new URL(url);
  const pool = new Pool(origin, { connections, maxResponseSize: AUTH.policyAnswerBytes });
  return {
    async evaluate(policies, { principal, requestId, signal }: RequestContext) {
      const { subject, roles, scopes, anonymous = false } = principal;
      const [tenantId, project] = [tenantOf(principal.tenantId), projectOf(principal.tenantId)];
      const input = { policies, principal: { tenantId, project, subject, roles, scopes, anonymous }, requestId };
      const inTime = AbortSignal.timeout(timeoutMs);
      const { statusCode, body } = await pool.request({
        method: 'POST',
        path: `${pathname}${search}`,
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify({ input }),
        signal: signal === undefined ? inTime : AbortSignal.any([signal, inTime]),
      });
      const text = await body.text();
      if (statusCode !== 200) throw new Error(`The service that decides policies answered ${statusCode}.`);
      return heldOf((JSON.parse(text) as { result?: unknown } | null)?.result);
    },
    close: () => pool.destroy(),
  };
}

function heldOf(result: unknown): string[] {
  if (Array.isArray(result)) return result.filter((name): name is string => typeof name === 'string');
  if (typeof result !== 'object' || result === null)
    throw new Error('The service that decides policies gave no `result` that is a list or an object.');
  return Object.entries(result).flatMap(([name, holds]) => (holds === true ? [name] : []));
}
