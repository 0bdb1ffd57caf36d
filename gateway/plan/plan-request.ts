/** What there is a plan for, and for whom it is made. */
export interface PlanRequest {
  /** The text of one valid operation. */
  readonly operation: string;
  /** Labels of progressive overrides that hold, sorted. */
  readonly overrides: readonly string[];
}

/** Equal for requests that have one plan. */
export const planKey = ({ operation, overrides }: PlanRequest): string =>
  overrides.length === 0 ? operation : `${overrides.join()}\n${operation}`;

/** Who waits for a plan. */
export interface PlanFor {
  /** Tenants take turns. */
  readonly tenant: string;
  /** Aborted when the plan is no longer wanted. */
  readonly signal?: AbortSignal;
}

/** Plans that the gateway makes ahead, and whatever else has no caller. */
export const FOR_GATEWAY: PlanFor = { tenant: '' };
