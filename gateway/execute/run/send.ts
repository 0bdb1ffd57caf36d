/** One request to one subgraph: shared with others that ask the same, bounded, and its answer the run's own. */
import type { ExecutionResult } from 'graphql';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import type { ExecutableFetch } from './executable-plan.ts';
import type { PlanRun } from './plan-run.ts';
import { addReport, type FetchTrace } from './trace.ts';
import type { SubgraphRequest } from '../clients/subgraph-client.ts';
import { copyOfJson } from '../json-object.ts';

/** Sends the fetch, or takes the answer of an equal one of this run. */
export const send = (
  fetch: ExecutableFetch,
  run: PlanRun,
  variables: Record<string, unknown>,
  trace: FetchTrace | undefined,
): Promise<ExecutionResult> => (fetch.shareable ? share : call)(fetch, run, variables, trace);

async function share(
  fetch: ExecutableFetch,
  run: PlanRun,
  variables: Record<string, unknown>,
  trace: FetchTrace | undefined,
): Promise<ExecutionResult> {
  const key = `${fetch.service}\n${fetch.text}\n${writeJson(variables)}`;
  const shared = (run.shared ??= new Map<string, Promise<ExecutionResult>>());
  const known = shared.get(key);
  if (known === undefined) {
    const answer = call(fetch, run, variables, trace);
    if (fetch.shape.isFlat) {
      shared.set(key, answer);
      return answer;
    }
    // Copied before anyone merges: objects of the answer become part of the data and change there.
    const pristine = answer.then(copyOf);
    pristine.catch(() => undefined); // Reported where it is awaited.
    shared.set(key, pristine);
    return answer;
  }
  return fetch.shape.isFlat ? known : copyOf(await known);
}

function call(
  fetch: ExecutableFetch,
  run: PlanRun,
  variables: Record<string, unknown>,
  trace: FetchTrace | undefined,
): Promise<ExecutionResult> {
  const client = run.clients.get(fetch.service);
  if (client === undefined)
    return Promise.reject(new CodedError('SUBGRAPH_UNAVAILABLE', `The subgraph ${fetch.service} is not connected.`));
  const request = requestOf(fetch, run, variables);
  if (trace !== undefined) {
    trace.calls = (trace.calls ?? 0) + 1;
    request.report = (report) => addReport(trace, report);
  }
  const streams = run.streaming?.requestsOf(fetch);
  if (streams !== undefined) request.streams = streams;
  run.context.responseHeaders?.asked();
  const answer = client.execute(request);
  return run.cancellation === undefined ? answer : run.cancellation.guard(answer);
}

/** The request of a fetch, or of a subscription's primary. */
export function requestOf(
  fetch: ExecutableFetch,
  run: Pick<PlanRun, 'context'>,
  variables: Record<string, unknown>,
): SubgraphRequest {
  return {
    document: fetch.document,
    query: fetch.text,
    keeps: fetch.keeps,
    operationType: fetch.operationType,
    operationName: fetch.operationName,
    variables,
    context: run.context,
    signal: run.context.signal,
  };
}

/** Copies the lists and objects of an answer; its leaves are shared. */
function copyOf(result: ExecutionResult): ExecutionResult {
  return { ...result, data: copyOfJson(result.data) as ExecutionResult['data'] };
}

export const notGraphQL = (service: string): CodedError =>
  new CodedError('SUBGRAPH_UNAVAILABLE', `The subgraph ${service} gave an answer that is not one to its question.`);
