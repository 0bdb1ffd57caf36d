/** A chat request as what it may take is planned. */
import type { ModelMessage } from '#subgraphs/shared/model-observer.ts';
import type { ChatDriver, ChatRequest } from '../driver.ts';
import type { PlannedCall } from '../spending/spending.ts';
import { charactersOf } from './usage.ts';

export const plannedChat = ({ provider, model }: ChatDriver, request: ChatRequest): PlannedCall => ({
  operation: 'chat',
  provider,
  model,
  inputCharacters: charactersOf(request),
  outputTokens: request.maxTokens,
  input: () =>
    request.messages.map(({ role, content }) => ({ role: role.toLowerCase() as ModelMessage['role'], content })),
});
