/**
 * `npm start` here: takes the workflows that own runs. Any number of workers may run; one that dies is replaced by any
 * other.
 *
 * TEMPORAL_ADDRESS (127.0.0.1:7233), TEMPORAL_NAMESPACE (default), TEMPORAL_TASK_QUEUE (tributary-runs): as the server
 * has them TRIBUTARY_URL (http://127.0.0.1:4000), TRIBUTARY_AUTHORIZATION (such as "Bearer …"): the API, and who calls
 * it
 */
import { fileURLToPath } from 'node:url';
import { NativeConnection, Worker } from '@temporalio/worker';
import { activitiesOn } from './activities.mjs';

const { env } = process;
const connection = await NativeConnection.connect({ address: env.TEMPORAL_ADDRESS ?? '127.0.0.1:7233' });
const worker = await Worker.create({
  connection,
  namespace: env.TEMPORAL_NAMESPACE ?? 'default',
  taskQueue: env.TEMPORAL_TASK_QUEUE ?? 'tributary-runs',
  workflowsPath: fileURLToPath(new URL('./workflows.mjs', import.meta.url)),
  activities: activitiesOn(env.TRIBUTARY_URL ?? 'http://127.0.0.1:4000', env.TRIBUTARY_AUTHORIZATION),
});
console.log('The worker takes workflows. Ctrl-C ends it.');
await worker.run();
await connection.close();
