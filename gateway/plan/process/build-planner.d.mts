/** The published planner, mended. */
export interface BuiltPlanner {
  /** The API schema with `@defer`. */
  apiSdl(): string;
  /**
   * The plan of one valid operation, as JSON.
   * @param overrides labels that hold
   * @throws what the planner does
   */
  plan(operation: string, overrides: readonly string[]): string;
}

/**
 * @param supergraphSdl as `preparePlanning` writes it
 * @throws when the supergraph cannot be planned on
 */
export function buildPlanner(supergraphSdl: string, supportedFeatures: readonly string[]): BuiltPlanner;
