/** What each method of HTTP may be used for at the GraphQL endpoint. */
import type { Caller } from '#gateway/admission/operations.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';

const READING = { GET: ['query', 'subscription'], HEAD: ['query'] } as const;

/** A link that is followed, or a page that is loaded ahead, must change nothing (RFC 9110, section 9.2.1). */
const sendByPost = (type: string): CodedError =>
  new CodedError('FORBIDDEN', `A ${type} cannot be sent this way.`, {
    hint: 'Send it with POST.',
    extensions: { http: { status: 405, headers: { allow: 'POST' } } },
  });

/** What an operation that was sent by this method may be. */
export const allowedBy = (method: string | undefined): Pick<Caller, 'allow' | 'notAllowed'> | undefined =>
  method === 'POST' ? undefined : { allow: READING[method as 'GET' | 'HEAD'], notAllowed: sendByPost };
