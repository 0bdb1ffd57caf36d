/** The embedder of hashed features: what it promises of every text. */
import { createHash } from 'node:crypto';
import { fc } from '#tests/setup/property.ts';
import { describe, expect, it } from 'vitest';
import { createBuiltInDriver } from '#subgraphs/inference/drivers/built-in.ts';
import { HASHING_DIMENSIONS, HASHING_MODEL, HashingEmbedder } from '#subgraphs/inference/drivers/hashing/index.ts';
import { StatementCounter } from '#subgraphs/shared/context.ts';

const embedder = new HashingEmbedder();
const cosine = (a: string, b: string): number => {
  const [of, other] = [embedder.embed(a), embedder.embed(b)];
  return of.reduce((sum, value, at) => sum + value * other[at]!, 0);
};

describe('hashing embedder', () => {
  it('gives every text a vector of length 1, the same each time', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const vector = embedder.embed(text);
        expect(vector).toHaveLength(HASHING_DIMENSIONS);
        expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
        expect(new HashingEmbedder().embed(text)).toEqual(vector);
      }),
      { numRuns: 40 },
    );
  });

  it('is the model that stored vectors were made with', () => {
    // These figures are part of `hashing-384-v1`: when they change, so must the model's name.
    const vector = embedder.embed('Retries need jitter, or clients stampede. Überlast in Zürich, 再試行の間隔');
    const rounded = Array.from(vector, (value) => value.toFixed(5)).join();
    expect(createHash('sha256').update(rounded).digest('hex').slice(0, 16)).toBe('83eb9130a06ad258');
  });

  it('does not depend on case, punctuation, Unicode form, or what was embedded before', () => {
    expect(embedder.embed('Café RETRY, with: Backoff!')).toEqual(embedder.embed('cafe\u0301 retry with backoff'));
    const fresh = new HashingEmbedder().embed('retry');
    embedder.embed('x '.repeat(50_000) + Array.from({ length: 20_000 }, (_, at) => `word${at}`).join(' '));
    expect(embedder.embed('retry')).toEqual(fresh);
  });

  it('finds shared words, word forms and misspellings, over function words', () => {
    const query = 'retry with exponential backoff';
    const close = cosine(query, 'Retries failed operations, with an exponential backoff between attempts.');
    expect(close).toBeGreaterThan(0.3);
    expect(close).toBeGreaterThan(cosine(query, 'A parser with an abstract syntax tree for JavaScript.') + 0.2);
    expect(cosine('connection pooling', 'connecton poolng')).toBeGreaterThan(0.3);
    expect(cosine('the of and with', 'parser')).toBeLessThan(0.2);
    expect(cosine('再試行の間隔', '再試行')).toBeGreaterThan(0.4);
  });

  it('tells words from texts of the same letters', () => {
    expect(Math.abs(cosine('alpha beta gamma', 'quick brown foxes'))).toBeLessThan(0.25);
    expect(cosine('order delivery', 'delivery order')).toBeLessThan(0.995);
  });

  it('lets others have a turn, and stops when nobody waits any more', async () => {
    const driver = createBuiltInDriver(HASHING_MODEL);
    const statements = new StatementCounter();
    const chunks = Array.from({ length: 3_000 }, (_, at) => `${at} `.repeat(200));
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const { vectors } = await driver.embed({ statements }, chunks);
    clearInterval(timer);
    expect(vectors).toHaveLength(3_000);
    expect(turns).toBeGreaterThan(0);
    const gone = new AbortController();
    const result = driver.embed({ statements, signal: gone.signal }, chunks);
    gone.abort(new Error('gone'));
    await expect(result).rejects.toThrow('gone');
    expect(statements.total).toBe(0);
  });
});
