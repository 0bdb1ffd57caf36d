/** The operator's file of sources, read and checked for what can be without a store. */
import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { parseYaml, type YamlFile, type YamlPath } from '#subgraphs/shared/yaml-file.ts';
import { SOURCES } from '../bounds.ts';
import { Format, type SourcesFile } from './format.ts';

export const HINT = 'What may stand in the file is in docs/sources.md.';

/** Something in the file that does not fit. */
export interface Fault {
  readonly path: YamlPath;
  /** With file and line: what is wrong, and what to do. */
  readonly told: string;
  /** Whether it is the store's doing, whatever the file says. */
  readonly ofStore: boolean;
}

/** Gathers what is wrong, so that nobody has to mend faults one by one. */
export class Faults {
  readonly #all: Fault[] = [];
  readonly #file: YamlFile<unknown>;

  constructor(file: YamlFile<unknown>) {
    this.#file = file;
  }

  get all(): readonly Fault[] {
    return this.#all;
  }

  /** @param message what is wrong, and what to do @param ofStore see {@link Fault} */
  add(path: YamlPath, message: string, ofStore = false): void {
    this.#all.push({ path, told: `${this.#file.at(path)}: ${message}`, ofStore });
  }

  /** @throws CodedError `BAD_USER_INPUT` with every fault */
  throwIfAny(): void {
    throwFaults(this.#all);
  }
}

/** @throws CodedError `BAD_USER_INPUT` with every fault, where there are any */
export function throwFaults(faults: readonly Fault[]): void {
  if (faults.length > 0) throw invalid(faults.map(({ told }) => told));
}

const invalid = (faults: readonly string[]) =>
  badUserInput(
    `SOURCES has ${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}:\n${faults.map((line) => `  - ${line}`).join('\n')}`,
    { hint: HINT },
  );

/**
 * Reads the file.
 * @throws CodedError `BAD_USER_INPUT` with every fault, each with file and line
 */
export async function readSources(path: string): Promise<{ text: string; shown: string }> {
  const shown = relative(process.cwd(), path) || path;
  try {
    const text = await readFile(path, 'utf8');
    if (text.length > SOURCES.fileBytes)
      throw invalid([`${shown}:1: the file is longer than ${SOURCES.fileBytes} bytes.`]);
    return { text, shown };
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === undefined || !/^E[A-Z]+$/.test(code)) throw cause;
    throw badUserInput(`SOURCES: ${shown} cannot be read (${code}).`, {
      cause,
      hint: 'Set SOURCES to a file that says which stores join the API; docs/sources.md has examples.',
    });
  }
}

/** {@link readSources}, of a text that has been read. */
export function parseSources(text: string, shown: string): YamlFile<SourcesFile> {
  const parsed = parseYaml(text, shown, Format);
  if ('faults' in parsed) throw invalid(parsed.faults);
  const { file } = parsed;
  const faults = new Faults(file);
  for (const [name, { tenancy, types = {} }] of Object.entries(file.data.sources)) {
    const silent = Object.values(types).every((type) => type.tenancy !== undefined || type.hide === true);
    if (tenancy === undefined && (silent === false || Object.keys(types).length === 0))
      faults.add(
        ['sources', name],
        `${name} does not say whose rows these are. Say \`tenancy: { column: tenant_id }\` where a column of every table names the tenant, \`tenancy: { tenant: acme }\` where all are of one, or \`tenancy: shared\` where every caller of every tenant may read all of them.`,
      );
  }
  faults.throwIfAny();
  return file;
}
