import { fc } from '#tests/setup/property.ts';
import { describe, expect, test } from 'vitest';
import { RUNS } from '#subgraphs/runs/bounds.ts';
import { JSON_PATCH, PatchedDocument, type JsonPatch } from '#subgraphs/runs/events/json-patch.ts';
import type { JsonValue } from '#subgraphs/shared/json.ts';

const patched = (document: unknown, patch: unknown): JsonValue => {
  const subject = new PatchedDocument(JSON.parse(JSON.stringify(document)) as JsonValue);
  subject.patch(JSON_PATCH.parse(patch));
  return subject.value;
};
const refuses = (document: unknown, patch: unknown) => expect(() => patched(document, patch));

// After the examples of RFC 6902, appendix A, and the cases that implementations are known to miss.
test.each<[string, unknown, unknown[], unknown]>([
  ['A.1 adds a member', { foo: 'bar' }, [{ op: 'add', path: '/baz', value: 'qux' }], { baz: 'qux', foo: 'bar' }],
  [
    'A.2 adds an element',
    { foo: ['bar', 'baz'] },
    [{ op: 'add', path: '/foo/1', value: 'qux' }],
    { foo: ['bar', 'qux', 'baz'] },
  ],
  ['A.3 removes a member', { baz: 'qux', foo: 'bar' }, [{ op: 'remove', path: '/baz' }], { foo: 'bar' }],
  [
    'A.4 removes an element',
    { foo: ['bar', 'qux', 'baz'] },
    [{ op: 'remove', path: '/foo/1' }],
    { foo: ['bar', 'baz'] },
  ],
  ['A.5 replaces', { baz: 'qux' }, [{ op: 'replace', path: '/baz', value: 'boo' }], { baz: 'boo' }],
  [
    'A.6 moves a value',
    { foo: { bar: 'baz', waldo: 'fred' }, qux: { a: 1 } },
    [{ op: 'move', from: '/foo/waldo', path: '/qux/thud' }],
    { foo: { bar: 'baz' }, qux: { a: 1, thud: 'fred' } },
  ],
  [
    'A.7 moves an element',
    { foo: ['all', 'grass', 'cows', 'eat'] },
    [{ op: 'move', from: '/foo/1', path: '/foo/3' }],
    { foo: ['all', 'cows', 'eat', 'grass'] },
  ],
  [
    'A.8 tests',
    { baz: 'qux', foo: ['a', 2] },
    [
      { op: 'test', path: '/baz', value: 'qux' },
      { op: 'test', path: '/foo/1', value: 2 },
    ],
    { baz: 'qux', foo: ['a', 2] },
  ],
  [
    'A.10 adds a nested member',
    { foo: 'bar' },
    [{ op: 'add', path: '/child', value: { g: {} } }],
    { foo: 'bar', child: { g: {} } },
  ],
  [
    'A.11 ignores what it does not know',
    { foo: 'bar' },
    [{ op: 'add', path: '/baz', value: 'qux', xyz: 123 }],
    { foo: 'bar', baz: 'qux' },
  ],
  [
    'A.14 unescapes in the right order',
    { '/': 9, '~1': 10 },
    [{ op: 'test', path: '/~01', value: 10 }],
    { '/': 9, '~1': 10 },
  ],
  [
    'A.16 appends',
    { foo: ['bar'] },
    [{ op: 'add', path: '/foo/-', value: ['abc', 'def'] }],
    { foo: ['bar', ['abc', 'def']] },
  ],
  [
    'replaces the whole',
    { foo: 1 },
    [
      { op: 'replace', path: '', value: [1] },
      { op: 'add', path: '/0', value: 0 },
    ],
    [0, 1],
  ],
  [
    'copies a value, not a reference',
    { a: [1] },
    [
      { op: 'copy', from: '/a', path: '/b' },
      { op: 'add', path: '/b/0', value: 0 },
    ],
    { a: [1], b: [0, 1] },
  ],
  [
    'compares regardless of the order of keys',
    { a: { x: 1, y: [null] } },
    [{ op: 'test', path: '/a', value: { y: [null], x: 1 } }],
    { a: { x: 1, y: [null] } },
  ],
  ['knows the empty key', { '': 1 }, [{ op: 'replace', path: '/', value: 2 }], { '': 2 }],
  [
    'stores null',
    {},
    [
      { op: 'add', path: '/a', value: null },
      { op: 'test', path: '/a', value: null },
    ],
    { a: null },
  ],
])('%s', (_name, document, patch, expected) => {
  expect(patched(document, patch)).toEqual(expected);
});

test.each<[string, unknown, unknown[]]>([
  ['A.9 a failing test', { baz: 'qux' }, [{ op: 'test', path: '/baz', value: 'bar' }]],
  ['A.12 a missing parent', { foo: 'bar' }, [{ op: 'add', path: '/baz/bat', value: 'qux' }]],
  ['A.15 a number compared with a text', { '~1': 10 }, [{ op: 'test', path: '/~01', value: '10' }]],
  ['removing what is not there', {}, [{ op: 'remove', path: '/a' }]],
  ['replacing what is not there', {}, [{ op: 'replace', path: '/a', value: 1 }]],
  ['removing the whole', {}, [{ op: 'remove', path: '' }]],
  ['an index past the end', [1], [{ op: 'add', path: '/2', value: 1 }]],
  ['an index with a leading zero', [1, 2], [{ op: 'replace', path: '/01', value: 1 }]],
  ['a negative index', [1, 2], [{ op: 'remove', path: '/-1' }]],
  ['reading behind the end', [1], [{ op: 'copy', from: '/-', path: '/0' }]],
  ['moving a value into itself', { a: { b: {} } }, [{ op: 'move', from: '/a', path: '/a/b/c' }]],
  ['a member of a text', { a: 'text' }, [{ op: 'copy', from: '/a/length', path: '/b' }]],
  ['an inherited member', {}, [{ op: 'copy', from: '/toString', path: '/b' }]],
  ['an inherited prototype', {}, [{ op: 'add', path: '/__proto__/polluted', value: true }]],
  ["a prototype's constructor", {}, [{ op: 'add', path: '/constructor/prototype/polluted', value: true }]],
])('refuses %s', (_name, document, patch) => {
  refuses(document, patch).toThrow(/Operation 0 of the patch/);
});

test('treats __proto__ as a key like any other', () => {
  const document = patched(
    {},
    JSON.parse(
      '[{"op":"add","path":"/__proto__","value":{"polluted":true}},{"op":"add","path":"/__proto__/more","value":1}]',
    ),
  );
  expect(JSON.stringify(document)).toBe('{"__proto__":{"polluted":true,"more":1}}');
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  expect((document as { polluted?: unknown }).polluted).toBeUndefined();
});

test.each(['add', 'replace', 'test'])('a value is required for %s', (op) => {
  expect(JSON_PATCH.safeParse([{ op, path: '/a' }]).success).toBe(false);
  expect(JSON_PATCH.safeParse([{ op, path: '/a', value: null }]).success).toBe(true);
});
test.each(['a', '/~', '/~2', 'a/b'])('%s is no pointer', (path) => {
  expect(JSON_PATCH.safeParse([{ op: 'remove', path }]).success).toBe(false);
});

describe('bounds', () => {
  const doubling: JsonPatch = Array.from({ length: 60 }, (_, n) => ({ op: 'copy' as const, from: '', path: `/${n}` }));
  test('a document that doubles with every operation', () => {
    refuses({ seed: 'x'.repeat(100) }, doubling).toThrow(/levels deep|longer than/);
    refuses({ seed: 'x'.repeat(100_000) }, doubling).toThrow(/longer than/);
  });
  test('a document that is replaced over and over is not mistaken for a long one', () => {
    const value = 'x'.repeat(50_000);
    const document = patched(
      {},
      Array.from({ length: 40 }, () => ({ op: 'add', path: '/a', value })),
    );
    expect(document).toEqual({ a: value });
  });
  test('work', () => {
    const document = new PatchedDocument({ a: 'x'.repeat(RUNS.stateBytes / 3), b: '' });
    const again: JsonPatch = Array.from({ length: 500 }, () => ({ op: 'copy' as const, from: '/a', path: '/b' }));
    expect(() => document.patch(again)).toThrow(/copy, compare or move too much/);
  });
  test.each<[string, JsonPatch[number]]>([
    ['removals at the head of a long list', { op: 'remove', path: '/list/0' }],
    ['moves through a long list', { op: 'move', from: '/list/0', path: '/list/1' }],
    ['insertions at its head', { op: 'add', path: '/list/0', value: 0 }],
  ])('%s', (_, operation) => {
    const document = new PatchedDocument({ list: Array.from({ length: 100_000 }, () => 0) });
    expect(() => document.patch(Array.from({ length: 1_000 }, () => operation))).toThrow(/move too much/);
  });
});

test('adding and then removing, anywhere in any document, changes nothing', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.jsonValue({ maxDepth: 3 }), fc.nat(), (document, value, pick) => {
      const places: string[] = [];
      const walk = (node: unknown, path: string) => {
        if (Array.isArray(node)) {
          for (let at = 0; at <= node.length; at += 1) places.push(`${path}/${at}`);
          node.forEach((item, at) => walk(item, `${path}/${at}`));
        } else if (typeof node === 'object' && node !== null) {
          places.push(`${path}/new~1key`);
          for (const [key, item] of Object.entries(node))
            walk(item, `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`);
        }
      };
      walk(document, '');
      if (places.length === 0) return;
      const path = places[pick % places.length]!;
      const before = JSON.stringify(document);
      fc.pre(!before.includes('new/key'));
      const after = patched(document, [
        { op: 'add', path, value },
        { op: 'test', path, value },
        { op: 'remove', path },
      ]);
      expect(after).toEqual(JSON.parse(before));
    }),
  );
});
