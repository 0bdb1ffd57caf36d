/**
 * The workflow that owns a run. It must do the same whenever it is replayed: whatever touches the world is an activity.
 * Where the run is cancelled Temporal cancels the workflow, and where the workflow fails Tributary ends the run.
 */
import { ApplicationFailure, proxyActivities, sleep } from '@temporalio/workflow';

const { append } = proxyActivities({
  startToCloseTimeout: '10 seconds',
  retry: { initialInterval: '200 ms', maximumInterval: '5 seconds' },
});

/**
 * Works through the steps that the run's input names: `{ steps: ["collect", "compare"], pauseMs: 100 }`.
 * @param given `{ tenantId, project, run: { id, agentId, threadId, input } }`; without `project` where the run is of none
 */
export async function tributaryRun({ run }) {
  const { steps, pauseMs = 100 } = run.input ?? {};
  if (!Array.isArray(steps))
    throw ApplicationFailure.nonRetryable("The run's input has no list of `steps`.", 'BadInput');
  for (const [index, stepName] of steps.entries()) {
    await append(run.id, `${index} begins`, [{ type: 'STEP_STARTED', payload: { stepName } }]);
    await sleep(pauseMs); // Here an agent would think.
    await append(run.id, `${index} ends`, [
      { type: 'TEXT_MESSAGE_CHUNK', payload: { messageId: `${run.id}-${index}`, delta: `${stepName} is done.` } },
      { type: 'STEP_FINISHED', payload: { stepName } },
    ]);
  }
  await append(run.id, 'end', [
    { type: 'RUN_FINISHED', payload: { result: { steps: steps.length }, outcome: { type: 'success' } } },
  ]);
}
