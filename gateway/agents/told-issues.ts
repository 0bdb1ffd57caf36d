/** Faults of what a tool or a method was given, in a sentence. */
import { AGENTS } from '#gateway/bounds/agents.ts';

/** One fault, as zod has it. */
export interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** The first few of them, each with its place, but for what is wrong with the whole, such as names that are unknown. */
export const toldIssues = (issues: readonly Issue[]): string =>
  issues
    .slice(0, AGENTS.issues)
    .map(({ path, message }) => (path.length === 0 ? message : `\`${path.join('.')}\`: ${message}`))
    .join('; ');
