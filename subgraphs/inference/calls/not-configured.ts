/** The errors of what is switched off: each names what switches it on. */
import { storeDisabled, type CodedError } from '#subgraphs/shared/errors.ts';

export const chatNotConfigured = (): CodedError =>
  storeDisabled('The chat model', 'CHAT_MODEL (and OPENAI_BASE_URL, the server that serves it)');

export const embeddingNotConfigured = (): CodedError => storeDisabled('The embedding model', 'EMBEDDING_MODEL');
