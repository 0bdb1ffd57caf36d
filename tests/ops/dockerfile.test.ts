/** ops/docker/Dockerfile says of an image what ops/image/ says. Docker itself is not needed. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { ENTRYPOINT } from '#ops/image/layout.ts';
import { DATA, ENVIRONMENT, PORT, PRODUCT, USER } from '#ops/image/settings.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Its instructions, each in one line. */
const instructions = readFileSync(`${ROOT}ops/docker/Dockerfile`, 'utf8')
  .replace(/\\\n\s*/g, '')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));
const last = instructions.slice(instructions.indexOf('FROM scratch'));
const of = (name: string): string[] =>
  last.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));

test('begins from an exact version of this Node, and ends with nothing of it but what is copied', () => {
  expect(instructions.filter((line) => line.startsWith('FROM '))).toEqual([
    expect.stringMatching(/^FROM node:20\.\d+\.\d+-\w+-slim AS build$/) as string,
    'FROM scratch',
  ]);
  expect(last.filter((line) => line.startsWith('RUN '))).toEqual([]);
});

test('runs as `npm run image` has it run', () => {
  expect(of('USER')).toEqual([`${USER}:${USER}`]);
  expect(of('WORKDIR')).toEqual([DATA]);
  expect(of('VOLUME')).toEqual([DATA]);
  expect(of('EXPOSE')).toEqual([`${PORT}/tcp`]);
  expect(of('STOPSIGNAL')).toEqual(['SIGTERM']);
  expect(of('ENV')).toEqual([
    Object.entries(ENVIRONMENT)
      .map(([name, value]) => `${name}=${value}`)
      .join(' '),
  ]);
  expect(JSON.parse(of('ENTRYPOINT')[0]!)).toEqual(ENTRYPOINT);
  expect(of('HEALTHCHECK')[0]).toContain(`["${ENTRYPOINT[0]}", "${PRODUCT}/serve.mjs", "--health"]`);
});

test('takes nothing along that is not committed', () => {
  const ignored = readFileSync(`${ROOT}.dockerignore`, 'utf8').split('\n');
  for (const name of ['.git', 'node_modules', 'dist', 'dist-image', '.local-data', '**/.env'])
    expect(ignored).toContain(name);
});
