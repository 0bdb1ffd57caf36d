/**
 * What a workflow does to its run. Temporal performs an activity again where its worker died or its answer was lost, so
 * each append carries a key: what is there already is not appended twice.
 */
import { ApplicationFailure } from '@temporalio/common';
import { cancellationSignal } from '@temporalio/activity';

const APPEND =
  'mutation Append($input: AppendRunEventsInput!) { appendRunEvents(input: $input) { run { status lastSequence } } }';
/** The same request would be refused again. */
const FINAL = ['BAD_USER_INPUT', 'CONFLICT', 'NOT_FOUND', 'FORBIDDEN', 'UNAUTHENTICATED', 'GRAPHQL_VALIDATION_FAILED'];

export const activitiesOn = (url, authorization) => ({
  /** @param key names this append among those of the run; the same for every attempt */
  async append(runId, key, events) {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        ...(authorization && { authorization }),
      },
      body: JSON.stringify({ query: APPEND, variables: { input: { runId, events, idempotencyKey: key } } }),
      signal: cancellationSignal(),
    });
    const { data, errors } = await response.json();
    const [error] = errors ?? [];
    if (error === undefined) return data.appendRunEvents.run;
    const { message, extensions } = error;
    throw ApplicationFailure.create({
      message,
      type: extensions?.code,
      nonRetryable: FINAL.includes(extensions?.code),
    });
  },
});
