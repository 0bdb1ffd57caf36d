/** What commands for operators have in common. */
import type { Config } from '#gateway/config/config.ts';
import { TENANT_NAME } from '#subgraphs/shared/tenant-id.ts';
import { explain } from './explain.ts';

/** Where a command writes lines: what it is asked for, and all else. */
export interface Output {
  out(line: string): void;
  err(line: string): void;
}

/** As people and programs that call it read them. */
export const CONSOLE: Output = {
  out: (line) => console.log(line),
  err: (line) => console.error(line),
};

/** What was asked for is none of what there is; without a message the usage says all. */
export class UsageError extends Error {}

/**
 * Runs a command, and tells why it did nothing.
 * @returns its exit code; 2 where it failed
 */
export async function orTold(run: () => Promise<number>, usage: string, output: Output): Promise<number> {
  try {
    return await run();
  } catch (error) {
    output.err(error instanceof UsageError ? `${error.message}\n\n${usage}`.trim() : explain(error));
    return 2;
  }
}

/**
 * Checks names of tenants and projects.
 * @param given by the options that they were given by
 * @throws UsageError
 */
export function checkNames(given: Readonly<Record<string, string | undefined>>): void {
  for (const [option, named] of Object.entries(given))
    if (named !== undefined && !TENANT_NAME.test(named))
      throw new UsageError(`--${option} takes the name of a ${option}: letters, digits, \`_\` and \`-\`.`);
}

/** Why a command that works on the stores themselves cannot, where subgraphs run apart: their stores are not known here. */
export function whyApart({ subgraphUrls }: Config): string | undefined {
  const apart = Object.keys(subgraphUrls).map((name) => `SUBGRAPH_${name.toUpperCase()}_URL`);
  return apart.length === 0
    ? undefined
    : `It works on the stores themselves: leave out ${apart.join(', ')}, and set the variables of all stores.`;
}
