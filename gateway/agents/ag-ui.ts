/**
 * AG-UI over HTTP, as its clients ask for it (`HttpAgent` of `@ag-ui/client`): `POST /agents/:id/run` with a
 * `RunAgentInput` starts a run of the agent, who may also be called by his name, and answers with the run's events; `POST /ag-ui` does for the agent that
 * `forwardedProps.agentId` names, for none where that is null, and where nothing is said for the tenant's only agent. Asked again with the same `runId` and input it is the same run, from its
 * first event, or behind `Last-Event-ID`. A run is started by the same mutation as everybody's, so that scopes, limits
 * and tenancy are the same. A client that goes away does not end its run.
 */
import { badUserInput, CodedError, type ErrorCode } from '#subgraphs/shared/errors.ts';
import type { Principal } from '#subgraphs/shared/context.ts';
import { isIdOf } from '#subgraphs/shared/ids.ts';
import type { Authenticator } from '#gateway/auth/authenticator.ts';
import { OperationRefused } from '#gateway/admission/documents.ts';
import { isStream, type Caller, type Operations } from '#gateway/admission/operations.ts';
import { decodeUtf8, parseJson, readBody, type BodyLimits } from '#gateway/http/body.ts';
import type { Exchange, Handler } from '#gateway/http/exchange.ts';
import { sendAnswer } from '#gateway/http/subgraph-routes.ts';
import type { RequestLimits } from '#gateway/limits/request-limits.ts';
import { AGENT, noSuchAgent } from './known-agents.ts';

export interface AgUiOptions {
  operations: Operations;
  /** @throws CodedError `UNAUTHENTICATED` */
  authenticate: Authenticator['authenticate'];
  body: BodyLimits;
  /** Of callers and their tenants, and of their streams. @default none */
  limits?: Pick<RequestLimits, 'operation' | 'enter'> | undefined;
  /** Answers `GET /runs/:id/events`. */
  events(request: Request, principal: Principal): Promise<Response>;
  /** Aborted when the server stops: streams are cut, and resumed elsewhere. */
  stopping: AbortSignal;
}

const PATH = /^\/(?:agents\/(?<agentId>[^/]+)\/run|ag-ui)\/?$/;

const AGENTS = 'query AgUiAgents { agents(first: 2) { nodes { id } } }';
const START = 'mutation AgUiRun($input: StartRunInput!) { startRun(input: $input) { run { id } } }';

/** Answers at `/agents/:id/run` and `/ag-ui`. */
export function agUiEndpoint(options: AgUiOptions): Handler {
  return async (exchange) => {
    const { path, request, response, signal, address, tellQuotas } = exchange;
    const match = PATH.exec(path);
    if (match === null) return false;
    if (request.method !== 'POST') {
      request.resume();
      response.writeHead(405, { allow: 'POST, OPTIONS' }).end();
      return true;
    }
    const principal = (exchange.principal = await options.authenticate(request.headers.authorization, request));
    const asking = { principal, address, span: exchange.span };
    await options.limits?.operation(asking, tellQuotas);
    const input = await readInput(exchange, options.body);
    const caller: Caller = {
      ...asking,
      tellQuotas,
      requestId: exchange.requestId,
      signal,
      headers: request.headers,
      own: true,
    };
    const inPath = match.groups!['agentId'];
    const named = inPath === undefined ? agentOf(input) : decoded(inPath);
    const agentId = named === undefined ? await onlyAgent(options.operations, caller) : named;
    const isName = typeof named === 'string' && !isIdOf('Agent', named);
    if (typeof named === 'string' && !isName) await checkAgent(options.operations, named, caller);
    const { startRun } = await ask<{ startRun: { run: { id: string } } }>(
      options.operations,
      START,
      { input: { ...(isName ? { agentName: named } : { agentId }), runAgentInput: input } },
      caller,
    );
    const leave = options.limits?.enter(asking, 'streams');
    try {
      const { id } = startRun.run;
      const lastSeen = request.headers['last-event-id'];
      const answer = await options.events(
        new Request(`http://localhost/runs/${id}/events`, {
          signal,
          headers: typeof lastSeen === 'string' ? { 'last-event-id': lastSeen } : {},
        }),
        principal,
      );
      // Which run it is, before its first event says it: it may wait long for a worker.
      answer.headers.set('content-location', `/runs/${id}/events`);
      await sendAnswer(exchange, answer, { stopping: options.stopping, principal });
    } finally {
      leave?.();
    }
    return true;
  };
}

async function readInput({ request }: Exchange, limits: BodyLimits): Promise<unknown> {
  const refuse = (message: string, status: number, hint: string): never => {
    request.resume();
    throw badUserInput(message, { hint, extensions: { http: { status } } });
  };
  const { accept, 'content-type': type } = request.headers;
  if (accept !== undefined && !/\*\/\*|\btext\/(?:\*|event-stream\b)/i.test(accept))
    refuse("A run's events come as server-sent events alone.", 406, 'Send `accept: text/event-stream`.');
  if (!/^application\/json\b/i.test(type ?? ''))
    refuse('The content type must be application/json.', 415, 'Send a RunAgentInput as JSON.');
  return parseJson(decodeUtf8(await readBody(request, limits)), limits);
}

/** @throws CodedError `BAD_USER_INPUT` */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw badUserInput('The path is not encoded as URLs are.', {
      hint: "Send an agent's id, or its name by `encodeURIComponent`.",
    });
  }
}

/**
 * The agent that an input names; null where it says that there is none, undefined where it says nothing.
 * @throws CodedError `BAD_USER_INPUT` where it is no text
 */
function agentOf(input: unknown): string | null | undefined {
  const { agentId } = (input as { forwardedProps?: { agentId?: unknown } | null } | null)?.forwardedProps ?? {};
  if (agentId === undefined || agentId === null || typeof agentId === 'string') return agentId;
  throw badUserInput("`forwardedProps.agentId` must be an agent's id.", { hint: 'Agent ids look like `agt_…`.' });
}

/**
 * The tenant's only agent: nobody works on a run that has none, and whoever named none would wait for ever.
 * @throws CodedError `BAD_USER_INPUT` where there is none, or more than one
 */
async function onlyAgent(operations: Operations, caller: Caller): Promise<string> {
  const { agents } = await ask<{ agents: { nodes: { id: string }[] } }>(operations, AGENTS, {}, caller);
  const [agent, other] = agents.nodes;
  if (agent !== undefined && other === undefined) return agent.id;
  throw badUserInput(
    agent === undefined ? 'There is no agent that could run.' : 'Which of the agents is to run is not said.',
    {
      hint:
        agent === undefined
          ? 'Make one with `createAgent` at /graphql. `forwardedProps.agentId: null` starts a run of no agent, to which only who knows its id writes.'
          : 'Send it to /agents/<id>/run, or name the agent by `forwardedProps.agentId`; `agents` at /graphql lists them.',
    },
  );
}

/** @throws CodedError `NOT_FOUND` */
async function checkAgent(operations: Operations, id: string, caller: Caller): Promise<void> {
  const { found } = await ask<{ found: { id: string } | null }>(operations, AGENT, { id }, caller);
  if (found === null) throw noSuchAgent();
}

/** @throws CodedError of what the operation comes to */
async function ask<Data>(
  operations: Operations,
  query: string,
  variables: Record<string, unknown>,
  caller: Caller,
): Promise<Data> {
  try {
    const operation = await operations.admit({ query, variables }, caller);
    const result = await operation.run();
    if (isStream(result)) throw new Error('Neither operation streams.');
    if (result.errors !== undefined) throw new OperationRefused(result.errors);
    return result.data as Data;
  } catch (error) {
    if (!(error instanceof OperationRefused)) throw error;
    const [{ message, extensions }] = error.errors as [OperationRefused['errors'][number]];
    const { code, ...others } = extensions;
    if (code === 'GRAPHQL_VALIDATION_FAILED')
      throw new CodedError('NOT_FOUND', 'This supergraph has no agents or no runs.', { cause: error });
    // Of an input that is refused: what is wrong with it, and not the whole of it.
    const said = message.split('Expected type "RunAgentInput". ').at(-1)!;
    throw new CodedError(code as ErrorCode, said, { cause: error, extensions: others });
  }
}
