import { createClient } from 'graphql-ws';

const FOLLOW = `subscription ($runId: ID!, $after: String) {
  runEvents(runId: $runId, after: $after) { cursor sequence type payload }
}`;

interface RunEvent {
  cursor: string;
  sequence: number;
  type: string;
  payload: unknown;
}

/** Every event of a run, once, until the run has ended. Where the connection breaks, the client begins again behind the last. */
export async function* followRun(url: string, runId: string, token?: string) {
  const client = createClient({
    url: url.replace(/^http/, 'ws'),
    connectionParams: token === undefined ? {} : { authorization: `Bearer ${token}` },
    // Who is refused is so again: of the usual codes, 4403 alone is not final for this client.
    shouldRetry: (closed) => (closed as { code?: number }).code !== 4403,
  });
  // Sent again as they are then, whenever the client subscribes again.
  const variables: { runId: string; after?: string } = { runId };
  try {
    const events = client.iterate<{ runEvents: RunEvent }>({ query: FOLLOW, variables });
    for await (const { data, errors } of events) {
      if (errors) throw new Error(errors[0]!.message);
      variables.after = data!.runEvents.cursor;
      yield data!.runEvents;
    }
  } catch (error) {
    // Of a socket that was closed, why: such as `UNAUTHENTICATED: …`.
    const { reason } = error as { reason?: string };
    throw reason ? new Error(reason) : error;
  } finally {
    await client.dispose();
  }
}
