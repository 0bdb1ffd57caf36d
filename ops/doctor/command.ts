/** `npm run doctor`: looks at all stores at once and tells. */
import { parseArgs } from 'node:util';
import { ConfigError, loadConfig } from '#gateway/config/config.ts';
import { Endings } from '#gateway/endings.ts';
import { createLogger, redactText } from '#gateway/telemetry/logger.ts';
import { visibleText } from '#gateway/telemetry/one-line.ts';
import { configBesideServer } from '#ops/reconcile/open-stores.ts';
import type { Output } from '#ops/serve/command-line.ts';
import { explain } from '#ops/serve/explain.ts';
import { withTimeout } from '#subgraphs/shared/with-timeout.ts';
import { DOCTOR } from './bounds.ts';
import { checksOf } from './checks.ts';
import { diagnose, type Diagnosis } from './diagnosis.ts';

const USAGE = `Usage: npm run -s doctor [-- [--json]]

  --json   everything as JSON

Configured by the same variables as the server, beside which it may run. It looks, and changes nothing that is kept: in S3 it writes
and removes an object of no tenant, in Neo4j a node, and a model server embeds one word.

Exit codes: 0 nothing is wrong (warnings may be), 1 something is, 2 the configuration is, or the command was used otherwise.`;

const MARKS: Readonly<Record<Diagnosis['state'], string>> = {
  ok: 'ok',
  warning: 'warning',
  fault: 'FAULT',
  off: 'off',
};

/**
 * Looks at every store that the configuration names.
 * @param env as for the server
 * @returns the exit code
 */
export async function doctorCommand(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  { out, err }: Output,
): Promise<number> {
  const endings = new Endings(() => undefined); // What does not end well has been looked at.
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    });
    if (values.help === true) {
      out(USAGE);
      return 0;
    }
    const isEmbedded = loadConfig(env).stores.postgres === undefined;
    const config = await configBesideServer(env);
    const log = createLogger({ level: 'silent' });
    const diagnoses = await Promise.all(checksOf(config, isEmbedded, log, endings).map(diagnose));
    const isWrong = diagnoses.some(({ state }) => state === 'fault');
    if (values.json === true) out(redactText(JSON.stringify({ ok: !isWrong, stores: diagnoses }, undefined, 2)));
    else for (const line of diagnoses.flatMap((each) => [...tell(each)])) out(visibleText(redactText(line)));
    return isWrong ? 1 : 0;
  } catch (error) {
    const hint = error instanceof ConfigError ? '\nnpm run config -- --check says more.' : `\n\n${USAGE}`;
    err(`${explain(error)}${hint}`);
    return 2;
  } finally {
    await withTimeout(endings.close(), DOCTOR.endMs);
  }
}

function* tell({ store, what, state, version, latencyMs, facts, findings }: Diagnosis): Generator<string> {
  const known = [version, ...facts, latencyMs === undefined ? undefined : `${latencyMs} ms`].filter(Boolean).join(', ');
  yield `${MARKS[state].padEnd(8)} ${store}: ${what}${known === '' ? '' : ` (${known})`}`;
  for (const finding of findings) {
    yield `           ${finding.what}`;
    if (finding.remedy !== undefined) yield `           > ${finding.remedy}`;
  }
}
