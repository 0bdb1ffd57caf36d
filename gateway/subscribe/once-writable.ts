import type { ServerResponse } from 'node:http';

/** Calls back once the client has taken what was written, or has left. */
export function onceWritable(response: ServerResponse, resume: () => void): void {
  const done = (): void => {
    response.off('drain', done);
    response.off('close', done);
    resume();
  };
  response.on('drain', done);
  response.on('close', done);
}
