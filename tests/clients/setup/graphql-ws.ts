import { createClient } from 'graphql-ws';

const FOLLOW = `subscription ($runId: ID!, $after: String) {
  runEvents(runId: $runId, after: $after) { sequence type payload }
}`;

/** Every event of a run, once, until the run has ended. Where the connection breaks, the client begins again behind the last. */
export async function* followRun(url: string, runId: string, token?: string) {
  const client = createClient({
    url: url.replace(/^http/, 'ws'),
    connectionParams: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });
  // Sent again as they are then, whenever the client subscribes again.
  const variables: { runId: string; after?: string } = { runId };
  try {
    const events = client.iterate<{ runEvents: { sequence: number; type: string; payload: unknown } }>({
      query: FOLLOW,
      variables,
    });
    for await (const { data, errors } of events) {
      if (errors) throw new Error(errors[0]!.message);
      variables.after = String(data!.runEvents.sequence);
      yield data!.runEvents;
    }
  } finally {
    await client.dispose();
  }
}
