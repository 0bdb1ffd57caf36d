import { describe, expect, test } from 'vitest';

import { redisConversation } from './redis-conversation.ts';

const url = process.env['TEST_REDIS_URL'];

describe.skipIf(!url)('Redis (TEST_REDIS_URL)', () => {
  test('answers who has the password', async () => {
    const { hostname, port, password } = new URL(url!);
    const answers = await redisConversation(Number(port), hostname, [`AUTH ${password}`, 'SET greeting hello', 'GET greeting', 'INFO server']);
    expect(answers.slice(0, 2)).toEqual(['+OK', '+OK']);
    expect(answers[2]).toBe('$5\r\nhello');
    expect(answers[3]).toMatch(/redis_version:([7-9]|\d\d)\./);
  });

  test('and nobody else', async () => {
    const { hostname, port } = new URL(url!);
    const [answer] = await redisConversation(Number(port), hostname, ['GET greeting']);
    expect(answer).toMatch(/^-NOAUTH/);
  });
});
