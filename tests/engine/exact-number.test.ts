import { describe, expect, test } from 'vitest';
import {
  byValue,
  ExactNumber,
  isPlainNumber,
  marked,
  numberOf,
  parseExactJson,
  withPlainNumbers,
  writeJson,
} from '#subgraphs/shared/exact-number.ts';
import type { IncrementalResult } from '#gateway/execute/answers/incremental-result.ts';
import { random } from '#tests/setup/random.ts';
import { applyPatches, sorted } from './patches.ts';

const again = (text: string): string => writeJson(parseExactJson(text));

describe('numbers keep their text', () => {
  test.each([
    '9007199254740993',
    '-9007199254740993',
    '0.1234567890123456789012',
    '1.10',
    '1.0',
    '-0',
    '-0.0',
    '1e3',
    '1E+3',
    '1e400',
    '0.0000001',
    '1000000000000000000000000',
    '123456789.123456789',
  ])('%s', (number) => {
    for (const text of [
      number,
      `[${number}]`,
      `[1,${number} ,2]`,
      `{"a":${number}}`,
      `{ "a" :\n ${number}\n, "b": "${number}" }`,
      `{"__proto__":{"x":[[${number}]]}}`,
    ])
      expect(again(text).replace(/\s/g, '')).toBe(text.replace(/\s/g, ''));
    expect(parseExactJson(number)).toEqual(new ExactNumber(number));
  });

  test('plain ones are doubles', () => {
    for (const number of ['0', '-1', '1.5', '9007199254740992', '1e+21', '5e-324', '1.7976931348623157e+308'])
      expect(parseExactJson(`[${number}]`)).toEqual([Number(number)]);
  });

  test('whatever the value, as JSON.parse has it', () => {
    const next = random(5);
    const pick = <T>(of: readonly T[]): T => of[Math.floor(next() * of.length)]!;
    const digits = (most: number): string =>
      Array.from({ length: 1 + Math.floor(next() * most) }, () => Math.floor(next() * 10)).join('');
    const number = (): string =>
      `${pick(['', '-'])}${pick(['0', `1${digits(20)}`])}${pick(['', `.${digits(20)}`])}${pick(['', '', `e${pick(['', '+', '-'])}${digits(2)}`])}`;
    const value = (depth: number): string => {
      const kind = depth > 3 ? 4 : Math.floor(next() * 6);
      if (kind === 0) return `[${Array.from({ length: 3 }, () => value(depth + 1)).join(pick([',', ' ,\n']))}]`;
      if (kind === 1) return `{"a":${value(depth + 1)},"${digits(20)}\\\\" : ${value(depth + 1)}}`;
      if (kind === 2) return JSON.stringify(pick(['', ':1.10,', '\\"[9007199254740993]', `"${number()}"`, '\ue000']));
      if (kind === 3) return pick(['true', 'null']);
      return number();
    };
    for (let round = 0; round < 3_000; round++) {
      const text = value(0);
      expect(JSON.stringify(withPlainNumbers(parseExactJson(text)))).toBe(JSON.stringify(JSON.parse(text)));
      expect(parseExactJson(again(text))).toEqual(parseExactJson(text));
      // Every number of the text is there as it was, or as the same double.
      const numbers = (from: string): string[] =>
        [...from.replace(/"(?:[^"\\]|\\.)*"/g, '""').matchAll(/-?\d[\d.eE+-]*/g)].map(([found]) => found);
      expect(numbers(again(text))).toEqual(numbers(text));
    }
  });
});

test('what is no JSON stays none', () => {
  for (const text of [
    '{1.10:2}',
    '[01.0]',
    '[1.10.10]',
    '[1.]',
    '[.10]',
    '[1.10 1.10]',
    '[1e3e3]',
    '[-]',
    '1.10,',
    '[--0]',
  ])
    expect(() => parseExactJson(text), text).toThrow(SyntaxError);
});

test('keys of any number are told apart by their text, and compared by value where values are', () => {
  const same = (one: string, other: string): boolean =>
    writeJson(byValue(numberOf(one))) === writeJson(byValue(numberOf(other)));
  expect(same('1.10', '1.1')).toBe(true);
  expect(same('1e3', '1000')).toBe(true);
  expect(same('-0', '0')).toBe(true);
  expect(same('1e400', '10e399')).toBe(true);
  expect(same('9007199254740993', '9007199254740992')).toBe(false);
  expect(same('9007199254740993', '9007199254740993.0')).toBe(true);
});

test('only whole numbers are looked for where nothing else is to come', () => {
  const text = '{"id":9007199254740993,"vector":[0.12345678901234567]}';
  expect(writeJson(parseExactJson(text, 'integers'))).toContain('9007199254740993');
  expect(parseExactJson('{"vector":[0.1234567890123456789012,1.10]}', 'integers')).toEqual({
    vector: [0.12345678901234568, 1.1],
  });
});

test("a text of another's that looks like ours stays a text", () => {
  const ours = marked('[1.10]');
  expect(ours).not.toBe('[1.10]');
  expect(again('["\\ue0001.10"]')).toBe('["\ue0001.10"]');
});

test('beside other serialisers it is a number, or its text', () => {
  expect([new ExactNumber('1.10'), '1.10']).toContainEqual(JSON.parse(JSON.stringify(String(numberOf('1.10')))));
  expect(Number(numberOf('1.10')) * 2).toBe(2.2);
});

describe('hostile', () => {
  const million = '9'.repeat(1_000_000);
  test.each([
    ['a megabyte of digits', `{"a":${million}}`],
    ['a megabyte of a fraction', `[0.${million}]`],
    ['a megabyte of zeros', `[1.${'0'.repeat(1_000_000)}1]`],
    [
      'a hundred thousand of them',
      `[${Array.from({ length: 100_000 }, (_, at) => `9007199254${740_993 + at}1`).join()}]`,
    ],
    ['a megabyte of backslashes', `{"a":1.10,"b":"${'\\\\'.repeat(500_000)}"}`],
    ['half a million levels', `${'['.repeat(500_000)}1.10${']'.repeat(500_000)}`],
  ])('%s', (_, text) => {
    const value = parseExactJson(text);
    // The serialiser of V8 has no such depth.
    if (!text.startsWith('[[')) expect(writeJson(value) === text).toBe(true);
  });

  test('an unfinished string, and quotes without end', () => {
    for (const text of [
      `[1.10,"${'x'.repeat(100_000)}`,
      `[1.10,${'"'.repeat(100_001)}`,
      `[1.10,"${'\\'.repeat(100_000)}`,
    ])
      expect(() => parseExactJson(text)).toThrow(SyntaxError);
  });

  test('parts of an answer are put together with long numbers whole', async () => {
    const [one, other] = ['9007199254740993', '0.1234567890123456789012'].map(numberOf);
    async function* parts(): AsyncGenerator<IncrementalResult> {
      yield await Promise.resolve({ data: { b: one, a: { n: one } }, hasNext: true });
      yield { incremental: [{ path: [], data: { a: { n: other }, list: [one] } }], hasNext: false };
    }
    const { data } = await applyPatches(parts());
    expect(sorted(data)).toEqual({ a: { n: other }, b: one, list: [one] });
    expect(writeJson(sorted(data))).toBe(
      '{"a":{"n":0.1234567890123456789012},"b":9007199254740993,"list":[9007199254740993]}',
    );
  });

  test('a power without end is no work', () => {
    expect(writeJson(byValue(numberOf('1e999999999')))).toBe('1e999999999');
    expect(isPlainNumber(million)).toBe(false);
  });
});
