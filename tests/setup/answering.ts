/** Servers in tests that somebody may leave at any moment. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

/**
 * Has requests answered. Whoever leaves in the middle of a request, or of its answer, is nothing to the server: reading the
 * one and writing the other then fail. What fails for another reason fails the test.
 */
export function answering(
  answer: (request: IncomingMessage, response: ServerResponse) => Promise<unknown>,
): RequestListener {
  return (request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (response.socket?.destroyed !== false) return;
      throw error;
    });
  };
}

/** The whole body of a request. */
export const bodyOf = async (request: IncomingMessage): Promise<string> =>
  Buffer.concat((await request.toArray()) as Buffer[]).toString();
