// `node --import ./ops/bootstrap/help.mjs program`: `--help` prints what the program says of itself, its first comment, and ends before anything of it is read.
import { readFileSync } from 'node:fs';

const [, program, ...given] = process.argv;
if (given.some((argument) => argument === '--help' || argument === '-h')) {
  const text = readFileSync(program, 'utf8');
  const [, block, lines] = /^(?:\/\*\*([^]*?)\*\/|((?:\/\/.*\n)+))/.exec(text) ?? [];
  console.log((block ?? lines ?? '').replace(/^[ \t]*(?:\*|\/\/)[ \t]?/gm, '').trim());
  process.exit(0);
}
