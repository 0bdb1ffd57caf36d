// @ts-check
/*
 * A stand-in for the planning process: an operation that begins with `endless` is planned for ever, under whatever alias but
 * `short`, one that begins with `hungry` takes all memory, any other is planned at once; each plan tells the process's
 * priority.
 */
import { getPriority } from 'node:os';

process.on('disconnect', () => process.exit());
const parent = process.ppid;
const hasParent = () => process.ppid === parent || process.exit();
process.on('message', (/** @type {any} */ message) => {
  if ('supergraphSdl' in message) return process.send?.({ ready: true, apiSdl: '' });
  const { id, operation } = message;
  const taken = [];
  while (/^((?!short)\w+: )?endless/.test(operation)) hasParent();
  while (operation.startsWith('hungry')) taken.push(new Array(1_000_000).fill(0));
  process.send?.({ id, plan: JSON.stringify({ kind: 'QueryPlan', priority: getPriority() }) });
});
