/** Every command says how it is used. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { cleanEnvironment, startProgram } from './program.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const { scripts } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as { scripts: Record<string, string> };
/** Those of other people's programs, and the tests, whose options are vitest's. */
const OF_OTHERS = ['test', 'hooks', 'format', 'lint', 'typecheck'];
/** What installs first. */
const INSTALLS = /^node ops\/install\.mjs && /;

const commands = Object.entries(scripts).filter(([name]) => !OF_OTHERS.includes(name));

test('are found', () => expect(commands.length).toBeGreaterThan(25));

test.each(commands)(
  'npm run %s -- --help',
  async (name, script) => {
    const [command, ...args] = script.replace(INSTALLS, '').split(' ');
    expect(command).toBe('node');
    using program = startProgram(process.execPath, [...args, '--help'], { cwd: ROOT, env: cleanEnvironment() });
    const code = await program.exited();
    expect({ code, output: program.output }).toEqual({
      code: 0,
      output: expect.stringMatching(new RegExp(`npm (run )?(-s )?${name}\\b`)) as string,
    });
    expect(program.output).not.toContain('    at ');
  },
  120_000,
);
