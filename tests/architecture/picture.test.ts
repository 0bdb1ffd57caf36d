import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { importsOf, sourceFiles } from '#ops/architecture/imports.ts';
import { picture } from '#ops/architecture/picture.ts';
import { FLOORS, type Floor } from '#ops/architecture/rooms.ts';
import { drawnPicture } from '#ops/picture.ts';

const files = sourceFiles(['ops', 'gateway', 'subgraphs']);
const imports = files.flatMap(importsOf);
const told = { file: 'gateway/auth/oidc.ts', specifier: '' };

describe('the picture in docs/architecture.md', () => {
  test('is up to date', () => {
    const { url, text } = drawnPicture();
    expect(readFileSync(url, 'utf8'), 'Run `npm run picture` and commit the result.').toBe(text);
  });

  test('is the same in whatever order files are read', () => {
    expect(picture([...imports].reverse(), [...files].reverse(), FLOORS)).toBe(drawnPicture().text);
  });

  test('draws an arrow that is new, and does not change for one import more', () => {
    const arrow = '<title>gateway/auth → gateway/supergraph</title>';
    expect(drawnPicture().text).not.toContain(arrow);
    expect(picture([...imports, { ...told, target: 'gateway/supergraph/manager.ts' }], files, FLOORS)).toContain(arrow);
    const drawn = [
      { ...told, target: 'gateway/supergraph/manager.ts' },
      { ...told, target: 'gateway/supergraph/compose.ts' },
    ];
    expect(picture([...drawn, drawn[0]!], files, FLOORS)).toBe(picture(drawn, files, FLOORS));
  });

  test('refuses a room that has no place in it', () => {
    const stranger = { ...told, file: 'gateway/new-room/file.ts', target: 'gateway/supergraph/manager.ts' };
    expect(() => picture([stranger], files, FLOORS)).toThrow('gateway/new-room has no place in the picture');
  });

  test('names no room that is not there', () => {
    const rooms = FLOORS.flatMap((floor: Floor) => [floor.path, ...floor.rooms.map(({ path }) => path)]);
    expect(rooms.filter((room) => !files.some((file) => file.startsWith(`${room}/`)))).toEqual([]);
  });
});
