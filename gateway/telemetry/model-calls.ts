/** Calls of models as the conventions for generative AI show them. */
import { TELEMETRY } from '#gateway/bounds/telemetry.ts';
import { withoutSecrets } from '#subgraphs/shared/kept-secrets.ts';
import type { ModelMessage } from '#subgraphs/shared/model-observer.ts';
import { cutText } from './cut-text.ts';

export const messagePart = ({ role, content }: ModelMessage): ShownMessage => ({
  role,
  parts: [{ type: 'text', content }],
});

/** As the conventions have messages. */
interface ShownMessage {
  readonly role: ModelMessage['role'];
  readonly parts: readonly { readonly type: 'text'; readonly content: string }[];
  readonly finish_reason?: string | undefined;
}

/** JSON that stays JSON where it is too long: each message has its share, and says how much of it is left out. */
export function messagesText(messages: readonly ShownMessage[]): string {
  const share = Math.floor(TELEMETRY.modelContentCharacters / Math.max(1, messages.length));
  const shown = messages.map((message) => ({
    ...message,
    parts: message.parts.map(({ type, content }) => ({ type, content: cutText(withoutSecrets(content), share) })),
  }));
  return JSON.stringify(shown);
}

/** `127.0.0.1:11434`, `[::1]:8080`, `api.example.com`. */
export function hostAndPort(server: string): [host: string, port: number | undefined] {
  const [, host = server, port] = /^(.*?)(?::(\d+))?$/.exec(server) ?? [];
  return [host.replace(/^\[|\]$/g, ''), port === undefined ? undefined : Number(port)];
}
