import { describe, expect, test } from 'vitest';

import { holds, parseKeywords } from '#subgraphs/vector/keywords/query.ts';
import { stem } from '#subgraphs/shared/terms/stem.ts';
import { termsOf } from '#subgraphs/shared/terms/terms.ts';

/** Examples of Porter's paper, and words of this project's. */
const STEMS =
  `caresses caress ponies poni ties ti cats cat feed feed agreed agre plastered plaster bled bled motoring motor sing sing
  conflated conflat troubled troubl sized size hopping hop tanned tan falling fall hissing hiss fizzed fizz failing fail filing file
  happy happi sky sky relational relat conditional condit rational ration valenci valenc digitizer digit conformabli conform radicalli
  radic differentli differ vileli vile analogousli analog vietnamization vietnam predication predic operator oper feudalism feudal
  decisiveness decis hopefulness hope callousness callous formaliti formal sensitiviti sensit sensibiliti sensibl triplicate triplic
  formative form formalize formal electriciti electr electrical electr hopeful hope goodness good revival reviv allowance allow inference
  infer airliner airlin gyroscopic gyroscop adjustable adjust defensible defens irritant irrit replacement replac adjustment adjust
  dependent depend adoption adopt homologou homolog communism commun activate activ angulariti angular homologous homolog effective
  effect bowdlerize bowdler probate probat rate rate cease ceas controll control roll roll retries retri retry retri yellow yellow
  generalizations gener oscillators oscil`
    .trim()
    .split(/\s+/);

describe('terms', () => {
  test('stems are those of the paper', () => {
    for (let i = 0; i < STEMS.length; i += 2) expect([STEMS[i], stem(STEMS[i]!)]).toEqual([STEMS[i], STEMS[i + 1]]);
  });

  test.each([
    ['--no-cache=true', ['--no-cache=true', '--no-cache', 'no-cache', 'nocache', 'no', 'cache', 'true']],
    ['v1.2.3', ['v1.2.3', '1.2.3', '1.2', '2.3', 'v1']],
    ['@aws-sdk/client-s3', ['@aws-sdk/client-s3', 'aws-sdk', 'client-s3', 'clients3', 's3']],
    ['HTMLParser', ['htmlparser', 'html', 'parser']],
    ['検索', ['検', '索', '検索']],
    ['C++.', ['c++', 'c']],
  ])('%s has its wholes and parts', (text, wanted) => {
    const { positions } = termsOf('', text);
    expect([...positions.keys()]).toEqual(expect.arrayContaining(wanted));
  });

  test('every word of a text is one of its terms, whatever stands around it', () => {
    const around = [...'-./@:#$%&*+=_~!?\'"(),;<>[]{}|\\^` \n\t\u00a0\u200b—…'];
    for (const before of around)
      for (const after of around) {
        const { positions } = termsOf('', `x${before}needle${after}y`);
        expect([before, after, positions.has('needle')]).toEqual([before, after, true]);
      }
  });

  // Gone through from each mark to their end, the first would take minutes.
  test.each([
    ['marks that begin nothing', `${'-'.repeat(250_000)}!a`, ['a']],
    ['segments of one path', Array.from({ length: 100_000 }, (_, i) => `s${i}`).join('/'), ['s0', 's99999']],
    ['characters of a script without spaces', '語'.repeat(200_000), ['語', '語語']],
  ])('many %s are gone through once', (_what, text, wanted) => {
    expect([...termsOf('', text).positions.keys()]).toEqual(expect.arrayContaining(wanted));
  });

  test('the title counts twice, and no phrase goes on from it', () => {
    const { positions, words } = termsOf('alpha', 'beta');
    expect([positions.get('alpha'), positions.get('beta'), words]).toEqual([[1, 3], [5], 3]);
    expect(holds(parseKeywords('"alpha beta"', 9), 'alpha', 'beta')).toBe(false);
    expect(holds(parseKeywords('"beta gamma" -delta', 9), 'alpha', 'beta gamma')).toBe(true);
    expect(holds(parseKeywords('"beta gamma" -delta', 9), 'delta', 'beta gamma')).toBe(false);
  });
});

describe('queries', () => {
  const terms = (query: string, most = 64) => parseKeywords(query, most).terms.map(({ term }) => term);

  test('words that say nothing are left out where others are', () => {
    expect(terms('how do I retry the request')).toEqual(['retri', 'request']);
    expect(terms('how do I')).toEqual(['how', 'do', 'i']);
    expect(terms('"to be"')).toEqual(['to', 'be']);
  });

  test('no more terms than may be, none of them twice, and what is glued together weighs three words at most', () => {
    expect(terms(Array.from({ length: 100 }, (_, i) => `word${i} word0`).join(' '), 7)).toHaveLength(7);
    const { terms: glued } = parseKeywords('src/lib/vector/search/fusion.test.ts', 64);
    expect(glued.reduce((sum, { weight }) => sum + weight, 0)).toBeLessThanOrEqual(3.001);
  });

  test('the last word alone may be the beginning of one', () => {
    expect(parseKeywords('failed backo', 9).prefix).toMatchObject({ term: 'backo' });
    for (const query of ['backo failed.', '"backo"', 'src/backo', '検索', 'how', 'failed -backo'])
      expect(parseKeywords(query, 9).prefix?.term, query).not.toBe('backo');
  });
});
