/**
 * Runs' events as server-sent events where the runs subgraph is a server of its own: asked there in the caller's name,
 * and passed on.
 */
import type { InternalTokens } from '#gateway/auth/internal-token.ts';
import type { Principal } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { Route } from '#subgraphs/shared/subgraph.ts';

/** What of the answer is the client's business. */
const PASSED_ON = ['content-type', 'cache-control', 'x-accel-buffering'];

/** @param url the subgraph's GraphQL endpoint; its streams are on the same server */
export function remoteRunEvents(url: string, tokens: InternalTokens): Route {
  return {
    methods: ['GET'],
    prefix: '/runs/',
    authenticated: true,
    async handle(request, principal) {
      const { pathname, search } = new URL(request.url);
      const lastSeen = request.headers.get('last-event-id');
      const headers = {
        accept: 'text/event-stream',
        authorization: `Bearer ${await tokens.mint(principal as Principal, 'runs')}`,
        ...(lastSeen === null ? {} : { 'last-event-id': lastSeen }),
      };
      // A path is never more than a path: what the client wrote cannot become another host.
      const target = new URL(url);
      target.pathname = pathname;
      target.search = search;
      let answer: Response;
      try {
        answer = await fetch(target, { headers, redirect: 'error', signal: request.signal });
      } catch (cause) {
        throw new CodedError('SUBGRAPH_UNAVAILABLE', 'The subgraph runs cannot be reached.', {
          cause,
          hint: 'Connect again with the last id seen.',
        });
      }
      const passedOn = PASSED_ON.flatMap((name) => {
        const value = answer.headers.get(name);
        return value === null ? [] : [[name, value] as [string, string]];
      });
      return new Response(answer.body, { status: answer.status, headers: passedOn });
    },
  };
}
