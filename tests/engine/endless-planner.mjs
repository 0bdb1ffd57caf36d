// @ts-check
/* A stand-in for the planning worker: the operation `endless` is planned for ever, any other at once. */
import { parentPort } from 'node:worker_threads';

if (parentPort === null) throw new Error('endless-planner.mjs runs in a worker thread only.');
const port = parentPort;

port.postMessage({ ready: true, apiSdl: '' });
port.on('message', ({ id, operation }) => {
  while (operation === 'endless');
  port.postMessage({ id, plan: JSON.stringify({ kind: 'QueryPlan' }) });
});
