/** Which models the API can use, and which ones its servers serve besides. */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { ListedModels, ModelServer, ServedModel } from '../driver.ts';
import type { InferenceDeps } from './deps.ts';

export type ModelKind = 'EMBEDDING' | 'CHAT' | 'RERANK';

export interface ModelEntry {
  id: string;
  kind: ModelKind;
  provider: string;
  available: boolean;
  detail: string | null;
}

/**
 * The configured models first, then what the servers list. A server that does not answer makes its models unavailable,
 * and says why.
 */
export async function listModels(
  { embedding, chat, servers }: InferenceDeps,
  context: RequestContext,
): Promise<ModelEntry[]> {
  const served = new Map<string, Served>();
  await Promise.all(servers.map(async (server) => served.set(server.provider, await ask(server, context))));
  const entries = new Map<string, ModelEntry>();
  const add = (entry: ModelEntry): void => {
    const key = `${entry.provider} ${entry.id}`;
    if (!entries.has(key)) entries.set(key, entry);
  };
  const facts = factsOf((await embedding.served?.()) ?? {}, embedding.dimensions);
  for (const { model, provider, kind, use, more } of [
    { ...pick(embedding), kind: 'EMBEDDING' as const, use: 'Embeds texts and search queries', more: facts },
    { ...pick(chat), kind: 'CHAT' as const, use: 'Answers `generate` and `generateStream`', more: '' },
  ]) {
    if (model === undefined) continue;
    const list = served.get(provider);
    if (list === undefined) {
      add({
        id: model,
        kind,
        provider,
        available: true,
        detail: `${use}: hashed words and character n-grams, without a trained model.`,
      });
    } else if (typeof list === 'string') {
      add({ id: model, kind, provider, available: false, detail: list });
    } else if (list === null) {
      add({
        id: model,
        kind,
        provider,
        available: true,
        detail: `${use}.${more} The server does not list its models.`,
      });
    } else {
      // Ollama lists `name:latest` for what is asked for as `name`.
      const { ids, anyName } = list;
      const available = ids.includes(model) || ids.includes(`${model}:latest`) || anyName;
      add({
        id: model,
        kind,
        provider,
        available,
        detail: available ? `${use}.${more}` : 'The server does not list this model.',
      });
    }
  }
  for (const [provider, list] of served) {
    if (typeof list === 'string' || list === null) continue;
    // It is the one that is used, by another name.
    if (list.anyName && [embedding, chat].some((used) => used.provider === provider && used.model !== undefined))
      continue;
    for (const id of list.ids) {
      add({
        id,
        kind: guessKind(id),
        provider,
        available: true,
        detail: 'Served, but not used here; its kind is guessed from its name.',
      });
    }
  }
  return [...entries.values()];
}

/** What is known of the embedding model, as a sentence; empty where nothing is. */
function factsOf({ dimensions: said, maxTokens, truncates, batch }: ServedModel, dimensions = said): string {
  const facts = [
    dimensions === undefined ? [] : [`${dimensions} dimensions`],
    maxTokens === undefined
      ? []
      : [`${maxTokens} tokens of a text${truncates ? ', the rest of which is cut off' : ''}`],
    batch === undefined ? [] : [`${batch} texts in a request`],
  ].flat();
  return facts.length === 0 ? '' : ` By its server: ${facts.join('; ')}.`;
}

/** What a server lists, null where it lists nothing, or why it did not answer. */
type Served = ListedModels | null | string;

async function ask(server: ModelServer, context: RequestContext): Promise<Served> {
  try {
    return (await server.models(context)) ?? null;
  } catch (error) {
    if (error instanceof CodedError) return error.message;
    throw error;
  }
}

const pick = ({ model, provider }: { model: string | undefined; provider: string }) => ({ model, provider });

// The protocol's list of models does not tell what they do.
function guessKind(id: string): ModelKind {
  if (/rerank|cross-?encoder/i.test(id)) return 'RERANK';
  return /embed|\b(?:bge|gte|e5|minilm|nomic)\b/i.test(id) ? 'EMBEDDING' : 'CHAT';
}
