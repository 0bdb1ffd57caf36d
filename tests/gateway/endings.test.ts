/** What was started is ended in the opposite order, whatever fails and whenever it is asked for. */
import { expect, test } from 'vitest';
import { Endings } from '#gateway/endings.ts';

test('everything ends in the opposite order, and a step that fails keeps no other from ending', async () => {
  const ended: string[] = [];
  const endings = new Endings((error) => ended.push((error as Error).message));
  for (const name of ['first', 'second', 'third']) {
    endings.add(async () => {
      await Promise.resolve();
      if (name === 'second') throw new Error('second failed');
      ended.push(name);
    });
  }
  expect(endings.begun).toBe(false);
  await Promise.all([endings.close(), endings.close()]);
  expect(endings.begun).toBe(true);
  await endings.close();
  expect(ended).toEqual(['third', 'second failed', 'first']);
});

test('what is started while others end, or after, is ended too', async () => {
  const ended: string[] = [];
  const endings = new Endings(() => undefined);
  let free = (): void => undefined;
  endings.add(() => new Promise<void>((resolve) => (free = resolve)));
  const closing = endings.close();
  endings.add(async () => ended.push('while'));
  free();
  await closing;
  await endings.close();
  expect(ended).toEqual(['while']);
  endings.add(async () => ended.push('after'));
  await endings.close();
  expect(ended).toEqual(['while', 'after']);
});
