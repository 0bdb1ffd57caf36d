import { hash } from 'node:crypto';

/** Names a token by what lets nobody in, so that nor does what is in memory, or in a dump of it. */
export const tokenHash = (token: string): string => hash('sha256', token, 'base64');
