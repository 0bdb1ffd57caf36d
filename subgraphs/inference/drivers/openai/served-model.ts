/**
 * What a server says of its embedding model when it is asked. OpenAI's protocol has no words for it, so each is asked in its
 * own way, as its documentation says: vLLM, llama.cpp and infinity by the list of models, TEI by `/info`, llama.cpp by
 * `/props` besides, Ollama by `/api/show`, LiteLLM by `/model/info`. What nobody says stays as the operator has set it.
 */
import { INFERENCE } from '../../bounds.ts';
import type { ServedModel } from '../../driver.ts';
import { isOnlyOne, type OpenAIServer } from './index.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Asks the server at its address and, where that ends in a version, above it.
 * @throws CodedError where it could not be asked; it is not an error that it has no answer
 */
export async function askServedModel(server: OpenAIServer, model: string): Promise<ServedModel> {
  const root = server.baseUrl.replace(/\/v\d+$/, '');
  const listed = await server.look(`${server.baseUrl}/models`);
  const entries = entriesIn(listed);
  const named = entries.find(({ id }) => id === model || id === `${model}:latest`);
  const entry = named ?? (isOnlyOne(entries) ? entries[0]! : {});
  if (entry.owned_by === 'vllm') return ofVllm(entry);
  if (entry.owned_by === 'infinity') return ofInfinity(entry);
  if (entry.owned_by === 'llamacpp') return ofLlamaCpp(entry, await server.look(`${root}/props`));
  const [tei, litellm, version] = await Promise.all([
    server.look(`${root}/info`),
    server.look(`${root}/model/info`),
    server.look(`${root}/api/version`),
  ]);
  if (count(fieldsOf(tei).max_client_batch_size) !== undefined) return ofTei(fieldsOf(tei));
  const [proxied] = entriesIn(litellm).filter((each) => each.model_name === model);
  if (proxied !== undefined) return ofLiteLlm(fieldsOf(proxied.model_info));
  if (typeof fieldsOf(version).version === 'string')
    return ofOllama(fieldsOf(await server.look(`${root}/api/show`, { model })));
  return {};
}

const ofVllm = ({ max_model_len: length }: Fields): ServedModel => told({ maxTokens: count(length) });

const ofInfinity = ({ stats }: Fields): ServedModel => told({ batch: count(fieldsOf(stats).batch_size) });

function ofLlamaCpp({ meta }: Fields, props: unknown): ServedModel {
  const { n_embd: dimensions, n_ctx_train: trained } = fieldsOf(meta);
  const { n_ctx: context } = fieldsOf(fieldsOf(props).default_generation_settings);
  return told({ dimensions: count(dimensions), maxTokens: least(count(trained), count(context)) });
}

function ofTei(info: Fields): ServedModel {
  return told({
    maxTokens: least(count(info.max_input_length), count(info.max_batch_tokens)),
    batch: count(info.max_client_batch_size),
    truncates: info.auto_truncate === true,
  });
}

const ofLiteLlm = (info: Fields): ServedModel =>
  told({
    dimensions: count(info.output_vector_size),
    maxTokens: count(info.max_input_tokens) ?? count(info.max_tokens),
  });

/** Its facts are named after the model's architecture, as GGUF's are; `parameters` is a text of lines. */
function ofOllama({ model_info: info, parameters }: Fields): ServedModel {
  const facts = fieldsOf(info);
  const architecture = facts['general.architecture'];
  const fact = (name: string) => count(facts[`${typeof architecture === 'string' ? architecture : ''}.${name}`]);
  const lines =
    typeof parameters === 'string' ? parameters.slice(0, INFERENCE.servedParametersCharacters).split('\n') : [];
  const context = lines.map((line) => line.trim().split(/\s+/)).find(([name]) => name === 'num_ctx')?.[1];
  return told({
    dimensions: fact('embedding_length'),
    maxTokens: least(fact('context_length'), count(context === undefined ? undefined : Number(context))),
    // So `/v1/embeddings` does, and the protocol has no field to forbid it by.
    truncates: true,
  });
}

/** Without what was not said. */
const told = (all: { [Name in keyof ServedModel]: ServedModel[Name] | undefined }): ServedModel =>
  Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined && value !== false)) as ServedModel;

const count = (value: unknown): number | undefined =>
  Number.isInteger(value) && (value as number) > 0 && (value as number) <= INFERENCE.servedMost
    ? (value as number)
    : undefined;

const least = (...counts: (number | undefined)[]): number | undefined => {
  const known = counts.filter((each) => each !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
};

const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});

function entriesIn(list: unknown): Fields[] {
  const { data } = fieldsOf(list);
  return Array.isArray(data) ? data.map(fieldsOf) : [];
}
