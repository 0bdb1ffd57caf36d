/**
 * Runs as tasks: `start_run` answers who asks for it with a handle, by which he looks whether the run has ended, and how. Two revisions have
 * tasks, with other names: the extension of 2026-07-28 (https://modelcontextprotocol.github.io/ext-tasks/specification/2026-07-28/tasks.html),
 * where clients say with each request that they know it, and the core of 2025-11-25
 * (https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks), where they ask for a task with each call.
 *
 * A task is its run, under the run's id: nothing else is kept of it, so every process answers, and restarts lose none.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type {
  CallToolResult,
  JSONRPCMessage,
  JSONRPCRequest,
  McpServer,
  ServerContext,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { AGENTS } from '#gateway/bounds/agents.ts';
import type { CodedError } from '#subgraphs/shared/errors.ts';
import { isObject } from '../arguments-as-meant.ts';
import type { Calls } from '../calls.ts';
import type { AgentTool } from '../tools.ts';
import { INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND, MISSING_CAPABILITY } from './codes.ts';

/** The extension's name. */
export const TASKS = 'io.modelcontextprotocol/tasks';
/** The tool whose calls are tasks. */
const TOOL = 'start_run';

const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';
const PROTOCOL_VERSION = 'io.modelcontextprotocol/protocolVersion';
const RELATED = 'io.modelcontextprotocol/related-task';

const RUN = `id status output error { code message } lastSequence createdAt finishedAt
  events(last: 1) { nodes { createdAt ... on RunFinishedEvent { outcome } } }`;
const ONE = `query RunTask($id: ID!) { found: run(id: $id) { ${RUN} } }`;
const ALL = `query RunTasks($first: Int!, $after: String) {
  runs(first: $first, after: $after) { nodes { ${RUN} } pageInfo { hasNextPage endCursor } }
}`;
const CANCEL = 'mutation CancelRunTask($id: ID!) { cancelRun(input: { runId: $id }) { run { id } } }';

/** What of a run a task tells. */
interface Run {
  readonly id: string;
  readonly status: 'QUEUED' | 'RUNNING' | 'WAITING' | 'SUCCEEDED' | 'FAILED' | 'CANCELLED';
  readonly output: unknown;
  readonly error: { readonly code: string | null; readonly message: string } | null;
  readonly lastSequence: number;
  readonly createdAt: string;
  readonly finishedAt: string | null;
  /** Null where retention has archived them. */
  readonly events: {
    readonly nodes: readonly [{ readonly createdAt: string; readonly outcome?: { readonly type?: string } | null }?];
  } | null;
}

const OF_A_TASK = { params: z.object({ taskId: z.string() }) };

/** @returns the server, whose calls of `start_run` are tasks where the client asks for them */
export function withTasks(server: McpServer, calls: Calls): McpServer {
  const { server: protocol } = server;
  // The codec of each revision tells the one that it knows.
  protocol.registerCapabilities({
    extensions: { [TASKS]: {} },
    tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } },
  });

  protocol.setRequestHandler('tasks/get', OF_A_TASK, async ({ taskId }, context) => {
    const current = isCurrent(context);
    const run = await taskOf(calls, taskId);
    return current ? { ...task2026(run), ...endOf(calls, run) } : { ...task2025(run) };
  });
  protocol.setRequestHandler('tasks/update', OF_A_TASK, async ({ taskId }, context) => {
    isCurrent(context);
    // No run asks its client for anything by this way: whatever is answered was not asked, and is passed over.
    await taskOf(calls, taskId);
    return {};
  });
  protocol.setRequestHandler('tasks/cancel', OF_A_TASK, async ({ taskId }, context) => {
    const current = isCurrent(context);
    const run = await taskOf(calls, taskId);
    if (!hasEnded(run)) await cancel(calls, taskId);
    else if (!current) throw refusal(INVALID_PARAMS, `The task has ended already: it is ${task2025(run).status}.`);
    return current ? {} : { ...task2025(await taskOf(calls, taskId)) };
  });
  protocol.setRequestHandler('tasks/result', OF_A_TASK, async ({ taskId }, { mcpReq: { signal } }) => {
    const run = await ended(calls, taskId, signal);
    return { ...resultOf(calls, run), _meta: { [RELATED]: { taskId } } };
  });
  protocol.setRequestHandler(
    'tasks/list',
    { params: z.object({ cursor: z.string().optional() }) },
    async ({ cursor }) => {
      const { runs } = (await told(calls.read(ALL, { first: AGENTS.listedTasks, after: cursor }))) as {
        runs: { nodes: readonly Run[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } } | null;
      };
      const next = runs?.pageInfo.hasNextPage === true ? { nextCursor: runs.pageInfo.endCursor } : {};
      return { tasks: (runs?.nodes ?? []).map(task2025), ...next };
    },
  );

  const connect = server.connect.bind(server);
  server.connect = async (transport) => {
    await connect(transport);
    const send = transport.send.bind(transport);
    const asked = new Map<string | number, JSONRPCRequest>();
    transport.send = async (message, options) => {
      const request = 'id' in message && !('method' in message) ? asked.get(message.id!) : undefined;
      if (request !== undefined) asked.delete(request.id);
      await send(request === undefined ? message : await asTask(message, request, calls), options);
    };
    const receive = transport.onmessage!;
    transport.onmessage = (message, extra) => {
      if (!isCall(message) || !asksForTask(message)) return receive(message, extra);
      if (message.params!['name'] === TOOL) {
        asked.set(message.id, message);
        return receive(message, extra);
      }
      if (isOfCurrent(message.params)) return receive(message, extra);
      const { id, jsonrpc } = message;
      const error = { code: METHOD_NOT_FOUND, message: `Only calls of ${TOOL} may be tasks.` };
      void send({ jsonrpc, id, error }).catch(() => undefined); // Who has left is not told.
    };
  };
  return server;
}

/** What `tools/list` says of a tool to clients of 2025-11-25, where there are tasks. */
export const executionOf = (name: string): { taskSupport: 'optional' } | undefined =>
  name === TOOL ? { taskSupport: 'optional' } : undefined;

/** Whether there are tasks: runs are started, read and cancelled. */
export const haveTasks = (tools: readonly AgentTool[], calls: Calls): boolean =>
  tools.some(({ name }) => name === TOOL) && [ONE, ALL, CANCEL].every((operation) => calls.fits(operation));

/**
 * What is answered to a message that wants to be told of tasks (`subscriptions/listen`) by a client that has not said that it knows them; undefined
 * to all others. Of those who have, nobody is told: the server says of no task that it will tell, and clients look.
 */
export function refusedListening(message: unknown): object | undefined {
  if (!isObject(message)) return undefined;
  const { jsonrpc, id, method, params } = message as Partial<JSONRPCRequest>;
  if (method !== 'subscriptions/listen' || !isOfCurrent(params) || declares(params?._meta?.[CAPABILITIES]))
    return undefined;
  const { notifications } = params as { notifications?: { taskIds?: unknown } | null };
  return notifications?.taskIds === undefined ? undefined : { jsonrpc, id, error: MISSING_CAPABILITY };
}

const isCall = (message: JSONRPCMessage): message is JSONRPCRequest =>
  'method' in message && 'id' in message && message.method === 'tools/call';

const isOfCurrent = (params: JSONRPCRequest['params']): boolean => params?._meta?.[PROTOCOL_VERSION] !== undefined;

/** Whether the client takes a task: by an envelope of 2026-07-28 that names the extension, or by asking for one as before. */
function asksForTask({ params }: JSONRPCRequest): boolean {
  return isOfCurrent(params) ? declares(params?._meta?.[CAPABILITIES]) : isObject(params?.['task']);
}

const declares = (capabilities: unknown): boolean =>
  isObject((capabilities as { extensions?: Record<string, unknown> } | undefined)?.extensions?.[TASKS]);

/** Whether a request about a task is of 2026-07-28. @throws where it is, and does not say that it knows of tasks */
function isCurrent({ mcpReq: { envelope } }: ServerContext): boolean {
  if (envelope === undefined) return false;
  const { code, message, data } = MISSING_CAPABILITY;
  if (!declares((envelope as Record<string, unknown>)[CAPABILITIES])) throw refusal(code, message, data);
  return true;
}

/** What a call that started a run is answered with; what started none, as it is. */
async function asTask(message: JSONRPCMessage, request: JSONRPCRequest, calls: Calls): Promise<JSONRPCMessage> {
  const { jsonrpc, id } = request;
  const { result } = message as { result?: CallToolResult };
  if (result === undefined) return message;
  const current = isOfCurrent(request.params);
  const started = (result.structuredContent as { data?: { startRun?: { run: { id: string } } | null } } | undefined)
    ?.data?.startRun?.run.id;
  try {
    if (started !== undefined) {
      const run = await taskOf(calls, started);
      return current
        ? // What the server says of itself stands in `_meta`.
          { jsonrpc, id, result: { resultType: 'task', ...task2026(run), _meta: result._meta } }
        : { jsonrpc, id, result: { task: task2025(run) } };
    }
  } catch (error) {
    if (current) return message;
    const { code, message: why, data } = error as Refusal;
    return { jsonrpc, id, error: { code, message: why, data } };
  }
  // Where a task was asked for, nothing but a task is an answer of 2025-11-25.
  const [first] = result.content;
  const why = first?.type === 'text' ? first.text : 'No run was started.';
  return current ? message : { jsonrpc, id, error: { code: INVALID_PARAMS, message: why } };
}

/** @throws where there is no such run of the caller's tenant */
async function taskOf(calls: Calls, taskId: string): Promise<Run> {
  const { found } = await told(calls.find(ONE, { id: taskId }));
  if (found === null || found === undefined)
    throw refusal(INVALID_PARAMS, 'There is no such task.', {
      code: 'NOT_FOUND',
      hint: 'A task is a run: its id is what `start_run` answered. `execute` finds others: { runs { nodes { id status } } }.',
    });
  return found as Run;
}

async function cancel(calls: Calls, id: string): Promise<void> {
  try {
    await calls.change(CANCEL, { id });
  } catch (error) {
    // It has ended meanwhile, as `tasks/get` tells.
    if (codeOf(error) !== 'CONFLICT') await told(Promise.reject(error as Error));
  }
}

/** Waits for the run's end, a while. @throws where it does not end */
async function ended(calls: Calls, taskId: string, signal: AbortSignal): Promise<Run> {
  for (let waited = 0; ; waited += AGENTS.taskPollMs) {
    const run = await taskOf(calls, taskId);
    if (hasEnded(run)) return run;
    if (waited >= AGENTS.taskWaitMs)
      throw refusal(INTERNAL_ERROR, 'The task has not ended. Look with tasks/get until it has, then ask again.');
    await delay(AGENTS.taskPollMs, undefined, { signal });
  }
}

const ENDED: ReadonlySet<string> = new Set(['SUCCEEDED', 'FAILED', 'CANCELLED']);
const hasEnded = ({ status }: Run): boolean => ENDED.has(status);

/** How it ended, as 2026-07-28 has it in the task itself. A run that failed is a call that was answered with an error. */
const endOf = (calls: Calls, run: Run): object =>
  run.status === 'SUCCEEDED' || run.status === 'FAILED'
    ? { result: { resultType: 'complete', ...resultOf(calls, run) } }
    : {};

/** What the call would have answered, had it waited. */
function resultOf(calls: Calls, run: Run): CallToolResult {
  const { id, status, output, error } = run;
  const outcome = run.events?.nodes[0]?.outcome;
  const more = { ...(error === null ? {} : { error }), ...(outcome?.type === 'interrupt' ? { outcome } : {}) };
  return calls.answer({ startRun: { run: { id, status, output, ...more } } }, status !== 'SUCCEEDED');
}

function common(run: Run) {
  return {
    taskId: run.id,
    statusMessage: messageOf(run),
    createdAt: run.createdAt,
    lastUpdatedAt: run.finishedAt ?? run.events?.nodes[0]?.createdAt ?? run.createdAt,
  };
}

// Runs are kept until somebody removes them: there is no time after which a task is none.
const task2026 = (run: Run) => ({
  ...common(run),
  status: STATUS[run.status].current,
  ttlMs: null,
  pollIntervalMs: AGENTS.taskPollMs,
});
const task2025 = (run: Run) => ({
  ...common(run),
  status: STATUS[run.status].before,
  ttl: null,
  pollInterval: AGENTS.taskPollMs,
});

/**
 * As each revision has it. `input_required` is none of them: it is for what the client itself is to answer, and a run that waits does not say
 * for what, nor would a client know how to answer.
 */
const STATUS = {
  QUEUED: { current: 'working', before: 'working' },
  RUNNING: { current: 'working', before: 'working' },
  WAITING: { current: 'working', before: 'working' },
  SUCCEEDED: { current: 'completed', before: 'completed' },
  FAILED: { current: 'completed', before: 'failed' },
  CANCELLED: { current: 'cancelled', before: 'cancelled' },
} as const;

function messageOf({ status, error, events, lastSequence }: Run): string {
  switch (status) {
    case 'QUEUED':
      return 'It waits for a worker.';
    case 'RUNNING':
      return `At work, with ${lastSequence} events so far: run_events reads them.`;
    case 'WAITING':
      return 'It waits for something outside it: run_events tells its last events.';
    case 'FAILED':
      return `It failed: ${error?.message ?? 'nobody said why.'}`;
    case 'CANCELLED':
      return 'It was cancelled.';
    case 'SUCCEEDED':
      return events?.nodes[0]?.outcome?.type === 'interrupt' ? 'Interrupted: a new run answers it.' : 'It has ended.';
  }
}

/** As the SDK answers with an error, by its fields alone. */
type Refusal = Error & { readonly code: number; readonly data?: unknown };
const refusal = (code: number, message: string, data?: unknown): Refusal =>
  Object.assign(new Error(message), { code, data });

const codeOf = (error: unknown): unknown => (error as { extensions?: { code?: unknown } }).extensions?.code;

/** What an operation may not do, as an error of the protocol. */
async function told<Value>(work: Promise<Value>): Promise<Value> {
  try {
    return await work;
  } catch (error) {
    const { message, extensions } = error as CodedError;
    const { code, hint, requestId } = extensions;
    throw refusal(code === 'BAD_USER_INPUT' ? INVALID_PARAMS : INTERNAL_ERROR, message, { code, hint, requestId });
  }
}
