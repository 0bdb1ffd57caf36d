import { testStores } from '#tests/stores/main.ts';
import type { Store } from '#tests/stores/provision/store.ts';

import { bullmq } from './provision/bullmq.ts';
import { collector } from './provision/collector.ts';
import { kubernetes } from './provision/kubernetes.ts';
import { rabbitmq } from './provision/rabbitmq.ts';
import { restic } from './provision/restic.ts';
import { caddy, haproxy, nginx, traefikReader } from './provision/proxies.ts';

/** What can be had here, the longest to build first. */
export const STACKS: readonly Store[] = [
  traefikReader,
  collector,
  kubernetes,
  rabbitmq,
  bullmq,
  caddy,
  nginx,
  haproxy,
  restic,
];

/** `npm run test:stacks`: as `npm run test:stores`, with what the product runs in and behind in the place of stores. */
export const testStacks = (args: readonly string[]): Promise<never> =>
  testStores(args, {
    known: STACKS,
    joint: [],
    usage: 'npm run test:stacks [-- [--only <stack>,<stack>] [--all] [options of vitest]]',
  });
