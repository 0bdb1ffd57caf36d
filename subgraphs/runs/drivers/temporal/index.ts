/** Workflows on a Temporal server (https://docs.temporal.io), through its own client. */
import {
  Connection, isGrpcServiceError, ServiceError, WorkflowClient, WorkflowExecutionAlreadyStartedError, WorkflowFailedError, WorkflowNotFoundError,
  NamespaceNotFoundError, ApplicationFailure, ActivityFailure, ChildWorkflowFailure, type TLSConfig, type WorkflowExecutionStatusName,
} from '@temporalio/client'; // prettier-ignore
import { sentences } from '#subgraphs/shared/errors.ts';
import { RUNS } from '../../bounds.ts';
import { WorkflowFault, type WorkflowService, type WorkflowState } from '../../dispatch/workflows.ts';

export interface TemporalOptions {
  /** `host:port` of the frontend service. */
  address: string;
  /** @default default */
  namespace?: string;
  /** Where workers take the workflows from. */
  taskQueue: string;
  /** The name under which workers register the workflow. */
  workflowType: string;
  /** PEM texts; an empty object for TLS with the system's authorities. @default no TLS, but with an API key */
  tls?: { ca?: string; cert?: string; key?: string };
  apiKey?: string;
  /** Longest time for one request, in milliseconds. @default 10000 */
  timeoutMs?: number;
}

/** The numbers of gRPC's status codes (https://grpc.io/docs/guides/status-codes/). */
const INVALID_ARGUMENT = 3;
const DEADLINE_EXCEEDED = 4;
const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const UNAVAILABLE = 14;
const UNAUTHENTICATED = 16;

const STATES: Partial<Record<WorkflowExecutionStatusName, Exclude<WorkflowState['state'], 'failed'>>> = {
  COMPLETED: 'completed',
  CANCELLED: 'cancelled',
  TERMINATED: 'terminated',
  TIMED_OUT: 'timed out',
};

/** Connects at the first request; a server that is away is tried again at the next. */
export function temporalWorkflows(options: TemporalOptions): WorkflowService {
  const {
    address,
    namespace = 'default',
    taskQueue,
    workflowType,
    tls,
    apiKey,
    timeoutMs = RUNS.temporalTimeoutMs,
  } = options;
  const connection = Connection.lazy({
    address,
    ...(apiKey === undefined ? {} : { apiKey, metadata: { 'temporal-namespace': namespace } }),
    tls: tls === undefined ? apiKey !== undefined : tlsConfig(tls),
    connectTimeout: timeoutMs,
    // The client's own repetition is not needed, who calls repeats; and one that is pending when the connection is
    // closed ends the process.
    interceptors: [],
  });
  const pending = new Set<Promise<unknown>>();
  const client = new WorkflowClient({ connection, namespace });
  const within = async <T>(ms: number, request: () => Promise<T>): Promise<T> => {
    const answer = connection.withDeadline(Date.now() + ms, request);
    pending.add(answer);
    try {
      return await answer;
    } catch (error) {
      throw isAbout(error) ? error : faultOf(error, options, namespace);
    } finally {
      pending.delete(answer);
    }
  };

  return {
    async start(workflowId, input) {
      try {
        await within(timeoutMs, () =>
          client.start(workflowType, {
            workflowId,
            taskQueue,
            args: [input],
            memo: {
              tenantId: input.tenantId,
              ...(input.project === undefined ? {} : { project: input.project }),
              runId: input.run.id,
            },
            workflowIdReusePolicy: 'REJECT_DUPLICATE',
            workflowIdConflictPolicy: 'FAIL',
          }),
        );
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      }
    },
    async look(workflowId) {
      const handle = client.getHandle(workflowId);
      try {
        const { status } = await within(timeoutMs, () => handle.describe());
        if (status.name !== 'FAILED') return { state: STATES[status.name] ?? 'open' };
        return { state: 'failed', why: await within(timeoutMs, () => handle.result().then(() => '', whyFailed)) };
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return { state: 'missing' };
        throw error;
      }
    },
    async cancel(workflowId, reason) {
      const request = {
        namespace,
        workflowExecution: { workflowId },
        reason,
        requestId: workflowId,
        identity: 'tributary',
      };
      try {
        await within(timeoutMs, () => connection.workflowService.requestCancelWorkflowExecution(request));
      } catch (error) {
        // Ended, or never started.
        if (!(
          error instanceof WorkflowFault &&
          isGrpcServiceError(error.cause) &&
          error.cause.code === 5 &&
          !isNamespaceMissing(error.cause)
        ))
          throw error;
      }
    },
    async health() {
      const began = performance.now();
      try {
        await within(RUNS.probeTimeoutMs, () => connection.workflowService.describeNamespace({ namespace }));
        return { store: 'temporal', state: 'ok', latencyMs: Math.round((performance.now() - began) * 10) / 10 };
      } catch (error) {
        const { message, hint } = error as WorkflowFault;
        return {
          store: 'temporal',
          state: 'down',
          detail: sentences(message, 'Runs for its workflows wait until it is back.', hint),
        };
      }
    },
    async close() {
      await Promise.allSettled([...pending]);
      await connection.close();
    },
  };
}

const tlsConfig = ({ ca, cert, key }: NonNullable<TemporalOptions['tls']>): TLSConfig => ({
  ...(ca === undefined ? {} : { serverRootCACertificate: Buffer.from(ca) }),
  ...(cert === undefined || key === undefined
    ? {}
    : { clientCertPair: { crt: Buffer.from(cert), key: Buffer.from(key) } }),
});

/** Answers about a workflow, not about the server. */
const isAbout = (error: unknown): boolean =>
  error instanceof WorkflowExecutionAlreadyStartedError || error instanceof WorkflowNotFoundError;

/** What the workflow itself threw: wrappers such as "Activity task failed" say nothing. */
function whyFailed(error: unknown): string {
  if (!(error instanceof WorkflowFailedError)) throw error;
  let cause: unknown = error.cause;
  while ((cause instanceof ActivityFailure || cause instanceof ChildWorkflowFailure) && cause.cause !== undefined)
    ({ cause } = cause);
  const { message } = (cause ?? error) as Error;
  return `${cause instanceof ApplicationFailure && cause.type ? `${cause.type}: ` : ''}${message}`.slice(
    0,
    RUNS.errorCharacters,
  );
}

const isNamespaceMissing = (error: unknown): boolean =>
  error instanceof NamespaceNotFoundError ||
  (isGrpcServiceError(error) && error.code === 5 && /namespace/i.test(error.details));

/** Messages are shown to tenants, and name neither address nor namespace; hints are the operator's. */
function faultOf(error: unknown, { address }: TemporalOptions, namespace: string): WorkflowFault {
  const cause = error instanceof ServiceError && error.cause !== undefined ? error.cause : error;
  if (isNamespaceMissing(cause) || isNamespaceMissing(error)) {
    return new WorkflowFault('Temporal does not have the namespace.', {
      cause,
      hint: `Set TEMPORAL_NAMESPACE, or make it: temporal operator namespace create --namespace ${namespace} --address ${address}`,
    });
  }
  if (isGrpcServiceError(cause)) {
    switch (cause.code as number) {
      case INVALID_ARGUMENT:
        return new WorkflowFault(`Temporal refuses the run: ${cause.details.slice(0, RUNS.refusalCharacters)}`, {
          final: true,
          cause,
        });
      case PERMISSION_DENIED:
      case UNAUTHENTICATED:
        return new WorkflowFault('Temporal refuses this server.', {
          cause,
          hint: 'Check TEMPORAL_API_KEY, TEMPORAL_TLS_CERT and TEMPORAL_TLS_KEY, and what they may do in TEMPORAL_NAMESPACE.',
        });
      case RESOURCE_EXHAUSTED:
        return new WorkflowFault('Temporal has too much to do.', { cause });
      case UNAVAILABLE:
      case DEADLINE_EXCEEDED:
        return away(address, cause);
    }
  }
  // The client's own word for a connection that did not come about has no status.
  if (/connect|deadline|timed? ?out/i.test((cause as Error)?.message ?? '')) return away(address, cause);
  return new WorkflowFault('Temporal answered with an error.', { cause, hint: (cause as Error)?.message });
}

const away = (address: string, cause: unknown): WorkflowFault =>
  new WorkflowFault('Temporal cannot be reached.', {
    cause,
    hint: `Nothing answers at ${address}: check TEMPORAL_ADDRESS (host:port), and TEMPORAL_TLS where the server wants TLS.`,
  });
