import { describe, expect, test, vi } from 'vitest';

import { RedisWakeUps } from '#subgraphs/runs/drivers/redis/wake-ups.ts';

import { redisConversation } from './redis-conversation.ts';

const url = process.env['TEST_REDIS_URL'];

describe.skipIf(!url)('Redis (TEST_REDIS_URL)', () => {
  test('answers who has the password', async () => {
    const { hostname, port, password } = new URL(url!);
    const answers = await redisConversation(Number(port), hostname, [
      `AUTH ${password}`,
      'SET greeting hello',
      'GET greeting',
      'INFO server',
    ]);
    expect(answers.slice(0, 2)).toEqual(['+OK', '+OK']);
    expect(answers[2]).toBe('$5\r\nhello');
    expect(answers[3]).toMatch(/redis_version:([7-9]|\d\d)\./);
  });

  test('lets wake-ups go on with another password once they are told of it', async () => {
    const { hostname, port, password } = new URL(url!);
    const user = `rotated-${process.pid}`;
    const admin = async (...commands: string[]) =>
      await redisConversation(Number(port), hostname, [`AUTH ${password}`, ...commands]);
    await admin(`ACL SETUSER ${user} on >first ~* &* +@all`);
    let secret = 'first';
    const wakeUps = new RedisWakeUps(() => `redis://${user}:${secret}@${hostname}:${port}`, {
      backoffMs: 10,
      maxBackoffMs: 50,
    });
    try {
      expect(await wakeUps.health()).toMatchObject({ state: 'ok' });
      await admin(`ACL SETUSER ${user} resetpass >second`, `CLIENT KILL USER ${user}`);
      await vi.waitFor(async () => expect(await wakeUps.health()).toMatchObject({ state: 'down' }), {
        timeout: 20_000,
      });
      secret = 'second';
      await vi.waitFor(async () => expect(await wakeUps.health()).toMatchObject({ state: 'ok' }), { timeout: 20_000 });
    } finally {
      await wakeUps.close();
      await admin(`ACL DELUSER ${user}`);
    }
  }, 60_000);

  test('and nobody else', async () => {
    const { hostname, port } = new URL(url!);
    const [answer] = await redisConversation(Number(port), hostname, ['GET greeting']);
    expect(answer).toMatch(/^-NOAUTH/);
  });
});
