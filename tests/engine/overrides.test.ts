import { expect, test } from 'vitest';
import { ProgressiveOverrides } from '#gateway/plan/overrides.ts';
import { testContext } from './federation.ts';

const held = (overrides: ProgressiveOverrides, requestId: string) => overrides.of(testContext({ requestId }));

test('a percentage holds for about so many requests, and for the same ones each time', () => {
  const overrides = new ProgressiveOverrides(['percent(25)', 'percent(0.5)', 'percent(100)', 'percent(0)']);
  const ids = Array.from({ length: 20_000 }, (_, index) => `request-${index}`);
  const share = (label: string) => ids.filter((id) => held(overrides, id).includes(label)).length / ids.length;
  expect(share('percent(25)')).toBeCloseTo(0.25, 1);
  expect(share('percent(0.5)')).toBeCloseTo(0.005, 2);
  expect(share('percent(100)')).toBe(1);
  expect(share('percent(0)')).toBe(0);
  expect(held(overrides, 'request-7')).toEqual(
    held(new ProgressiveOverrides(['percent(100)', 'percent(25)', 'percent(0.5)', 'percent(0)']), 'request-7'),
  );
});

test('the hook decides first; a label that nobody decides does not hold', () => {
  const overrides = new ProgressiveOverrides(['canary', 'percent(50)', 'unknown'], (label, { requestId }) =>
    label === 'unknown' ? undefined : label === 'canary' || requestId === 'all',
  );
  expect(held(overrides, 'all')).toEqual(['canary', 'percent(50)']);
  expect(held(overrides, 'other')).toEqual(['canary']);
  expect(held(new ProgressiveOverrides([]), 'any')).toEqual([]);
});
