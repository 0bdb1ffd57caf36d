/** What `npm run config` prints. */
import { parseArgs } from 'node:util';
import { settingsReport, type Setting, type SettingsReport } from '#gateway/config/settings.ts';
import { redactText } from '#gateway/telemetry/logger.ts';
import { visibleText } from '#gateway/telemetry/one-line.ts';
import type { Output } from '#ops/serve/command-line.ts';
import { explain } from '#ops/serve/explain.ts';
import { toldScope, unknownScopesOfRoles, type UnknownScope } from './unknown-scopes.ts';
import { CONFIG } from './bounds.ts';

const USAGE = `Usage: npm run -s config [-- [--check] [--all] [--json]]

  --check  ends with 1 where something is wrong
  --all    those with their defaults, too
  --json   everything as JSON

Reads the environment as a start of the server does, and starts nothing. No secret is ever printed.
Exit codes: 0 done, 1 something is wrong (--check), 2 used otherwise.`;

/**
 * Prints the settings, where they come from and what is wrong.
 * @param env as for the server @param ofSources the scopes that stores of the operator's own take
 * @returns the exit code
 */
export function configCommand(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  { out, err }: Output,
  ofSources: readonly string[] = [],
): number {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        check: { type: 'boolean' },
        all: { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help === true) {
      out(USAGE);
      return 0;
    }
    const report = { ...settingsReport(env), scopes: unknownScopesOfRoles(env, ofSources) };
    const isWrong = report.faults.length + report.unknown.length > 0;
    // What this process was given as a secret may stand in another variable too.
    if (values.json === true) out(redactText(JSON.stringify({ ok: !isWrong, ...report }, undefined, 2)));
    else for (const line of tell(report, values.all === true)) out(redactText(line));
    return isWrong && values.check === true ? 1 : 0;
  } catch (error) {
    err(`${explain(error)}\n\n${USAGE}`);
    return 2;
  }
}

function* tell(
  { settings, faults, unknown, similar, scopes, mode }: SettingsReport & { readonly scopes: readonly UnknownScope[] },
  all: boolean,
): Generator<string> {
  const listed = settings.filter(({ from }) => all || from !== 'default');
  const width = Math.max(0, ...listed.map(({ name }) => name.length));
  for (const setting of listed)
    yield `${setting.name.padEnd(width)}  ${whence(setting).padEnd(11)}  ${valueOf(setting)}`;
  const left = settings.length - listed.length;
  if (left > 0) yield `${listed.length === 0 ? '' : '\n'}${left} more have their defaults (--all lists them).`;
  if (mode === 'development')
    yield 'Nothing tells who asks: the server is in development mode, for this machine alone.';
  if (faults.length + unknown.length > 0) yield '\nWrong:';
  for (const fault of faults) yield `  - ${fault}`;
  for (const { name, meant } of unknown) yield `  - ${name} is not read; was ${meant} meant?`;
  if (similar.length > 0) yield '\nNot read here, and perhaps not meant for it:';
  for (const { name, meant } of similar) yield `  - ${name}; what is read is ${meant}.`;
  if (scopes.length > 0) yield '\nIn ROLE_SCOPES:';
  for (const scope of scopes) yield `  - ${toldScope(scope)}`;
  if (faults.length + unknown.length === 0) yield '\nNothing is wrong.';
}

const whence = ({ from, file }: Setting): string => (file === undefined ? from : `file ${visibleText(file)}`);

function valueOf({ secret, value }: Setting): string {
  if (value === undefined) return secret ? '(secret)' : '';
  const text = visibleText(value);
  return text.length > CONFIG.valueCharacters ? `${text.slice(0, CONFIG.valueCharacters)}…` : text;
}
