import { createClient } from 'graphql-sse';

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
  let refusal: Error | undefined;
  const client = createClient({
    url,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    fetchFn: async (...request: Parameters<typeof fetch>) => {
      const response = await fetch(...request);
      // Who is refused is so again; of too many requests (429) the next may be taken.
      if (response.status >= 400 && response.status < 500 && response.status !== 429)
        refusal = new Error(`${response.status}: ${await response.clone().text()}`);
      return response;
    },
    retry: async (retries) => {
      if (refusal) throw refusal;
      await new Promise((resolve) => setTimeout(resolve, 1_000 * 2 ** retries));
    },
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
  } finally {
    client.dispose();
  }
}
