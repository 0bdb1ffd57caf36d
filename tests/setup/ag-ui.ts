/** Reading a run as AG-UI's own client does, with all its checks. */
import { runHttpRequest, transformChunks, transformHttpEventStream, verifyEvents } from '@ag-ui/client';

/**
 * The types of the events that the client gives on.
 * @param response of `GET /runs/:id/events`
 * @throws what makes the client give the stream up
 */
export async function readByAgUi(response: Response): Promise<string[]> {
  const types: string[] = [];
  const events$ = verifyEvents()(
    transformChunks()(transformHttpEventStream(runHttpRequest(() => Promise.resolve(response)))),
  );
  await new Promise<void>((resolve, reject) =>
    events$.subscribe({ next: ({ type }) => void types.push(type), error: reject, complete: resolve }),
  );
  return types;
}
