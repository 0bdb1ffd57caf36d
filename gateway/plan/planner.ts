/**
 * Plans operations with `@apollo/query-planner` in processes of their own. Planning can take exponential time and all
 * memory, and a process can be killed: an operation that takes too long costs its own request. What takes long is planned
 * apart from the rest (`process/planner-pool.ts`); what hung for its whole time, or ended its process, is remembered and
 * refused at once when the like of it is asked again (what was given up earlier, for others or for want of anyone who
 * waits, may be merely slow, and is tried again); what nobody waits for any more is dropped; and tenants take turns.
 */
import type { QueryPlan } from '@apollo/query-planner';
import { PLAN } from '#gateway/bounds/plan.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import { FOR_GATEWAY, planKey, type PlanFor, type PlanRequest } from './plan-request.ts';
import { preparePlanning } from './planning-supergraph.ts';
import { nextTurn } from '#subgraphs/shared/turns.ts';
import { cpuTimeOf } from './process/cpu-time.ts';
import { PlannerPool } from './process/planner-pool.ts';
import { shapeOf } from './operation-shape.ts';

/** Bounds in `PLAN` (gateway/bounds/plan.ts), which say what they mean and their defaults, and more. */
export interface PlannerOptions extends Partial<BoundValues<typeof PLAN>> {
  /** Told when a process is replaced. */
  log?: (message: string, error?: unknown) => void;
  /** The process's program, for tests that need one that never answers. @default process/planner-process.mjs */
  program?: URL;
  /** When the spare process is started, in ms. @default `PLAN.spareMs` */
  spareMs?: number;
  /** The processor time that a process has used, in ms, where it is known. @default the system's account of it */
  cpuTimeOf?: (pid: number | undefined) => number | undefined;
}

export interface Planned {
  plan: QueryPlan;
  /** Length of the plan as JSON; what a cache charges for it. */
  bytes: number;
}

export interface Planner {
  /** The supergraph's API schema as SDL, with `@defer`. */
  readonly apiSdl: string;
  /**
   * Plans one valid operation.
   * @param planFor @default the gateway itself
   * @throws CodedError `PLANNING_TIMEOUT`; `RATE_LIMITED` when too many of the tenant's wait; `INTERNAL_SERVER_ERROR` for
   *   what the planner itself refuses; the signal's reason
   */
  plan(request: PlanRequest, planFor?: PlanFor): Promise<Planned>;
  /** Ends the processes; what waits is refused. Idempotent. */
  close(): Promise<void>;
}

/**
 * Builds the planner and waits until it can plan.
 * @throws UnsupportedFeatures when the supergraph demands what the engine does not enforce; Error when it is none
 */
export async function startPlanner(supergraphSdl: string, options: PlannerOptions = {}): Promise<Planner> {
  const prepared = preparePlanning(supergraphSdl);
  const pool = new PlannerPool({
    sdl: prepared.sdl,
    program: options.program ?? new URL('./process/planner-process.mjs', import.meta.url),
    timeoutMs: options.timeoutMs ?? PLAN.timeoutMs,
    waitingPerTenant: options.waitingPerTenant ?? PLAN.waitingPerTenant,
    processes: options.processes ?? PLAN.processes,
    heapMb: options.heapMb ?? PLAN.heapMb,
    spareMs: options.spareMs ?? PLAN.spareMs,
    cpuTimeOf: options.cpuTimeOf ?? cpuTimeOf,
    log: options.log ?? (() => undefined),
  });
  const apiSdl = prepared.apiSdl(await pool.start());
  return {
    apiSdl,
    plan(request, planFor = FOR_GATEWAY) {
      const planning = pool.plan(request, shapeOf(planKey(request)), planFor).then(async (plan): Promise<Planned> => {
        // Several processes may answer in one round of the event loop.
        await nextTurn(planFor.tenant);
        return { plan: prepared.restore(JSON.parse(plan) as QueryPlan, request.operation), bytes: plan.length };
      });
      // Whoever asked may have left when the planner closes; that must not end the process.
      planning.catch(() => undefined);
      return planning;
    },
    close: () => pool.close(),
  };
}
