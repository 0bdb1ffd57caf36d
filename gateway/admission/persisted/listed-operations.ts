/** The operations that an operator has listed: by the ids that clients send, and by what they say. */
import { parse, type DocumentNode } from 'graphql';
import { LRUCache } from 'lru-cache';
import type { ADMISSION } from '#gateway/bounds/admission.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import { isStretchOver, nextTurn } from '#subgraphs/shared/turns.ts';
import { hashOf } from './automatic.ts';
import type { ManifestOperation } from './manifest.ts';
import { normalForm } from './normal-form.ts';

/** Of texts that turned out to be listed: how many are kept, and the length of all. */
export type ListedTextsLimits = Pick<BoundValues<typeof ADMISSION>, 'cacheEntries' | 'cacheCharacters'>;

export class ListedOperations {
  /** Texts by who may send them ('' for everybody) and id. */
  readonly #byId = new Map<string, string>();
  /** Hashes of normal forms, with who may send them. */
  readonly #byForm = new Set<string>();
  /** The texts of each client. */
  readonly #byClient = new Map<string, string[]>();
  /** Texts that turned out to be listed, with who sent them, so that each is parsed once. */
  readonly #known: LRUCache<string, true>;

  constructor({ cacheEntries, cacheCharacters }: ListedTextsLimits) {
    this.#known = new LRUCache({
      max: cacheEntries,
      maxSize: cacheCharacters,
      sizeCalculation: (_, text) => text.length + 1,
    });
  }

  /**
   * Reads them while requests go on to be answered.
   * @throws Error that names the operation which cannot be parsed, or the id that stands for two texts
   */
  static async of(operations: Iterable<ManifestOperation>, limits: ListedTextsLimits): Promise<ListedOperations> {
    const listed = new ListedOperations(limits);
    for (const operation of operations) {
      if (isStretchOver()) await nextTurn('system:lists');
      listed.#add(operation);
    }
    return listed;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** The texts that are a client's alone, in their order. */
  textsOf(client: string): readonly string[] {
    return this.#byClient.get(client) ?? [];
  }

  /**
   * @param client who sends it, where that is known
   * @returns undefined where the id is not listed for this client
   */
  textOf(id: string, client: string | undefined): string | undefined {
    const ids = id.startsWith('sha256:') ? [id, id.slice('sha256:'.length)] : [id];
    for (const each of ids) {
      const text =
        (client === undefined ? undefined : this.#byId.get(keyOf(each, client))) ?? this.#byId.get(keyOf(each));
      if (text !== undefined) return text;
    }
    return undefined;
  }

  /**
   * Whether the operation is listed, in any form that says the same.
   * @param document gives what the text is parsed to, where that has to be known; may throw
   */
  has(text: string, client: string | undefined, document: () => DocumentNode): boolean {
    const key = keyOf(text, client);
    if (this.#known.has(key)) return true;
    const form = hashOf(normalForm(document()));
    const listed = this.#byForm.has(keyOf(form)) || (client !== undefined && this.#byForm.has(keyOf(form, client)));
    if (listed) this.#known.set(key, true);
    return listed;
  }

  #add({ id, body, clientName }: ManifestOperation): void {
    const key = keyOf(id, clientName);
    let form: string;
    try {
      form = hashOf(normalForm(parse(body, { noLocation: true })));
    } catch (cause) {
      throw new Error(`the operation ${JSON.stringify(id)} is not GraphQL: ${(cause as Error).message}`, { cause });
    }
    const other = this.#byId.get(key);
    if (other !== undefined && other !== body)
      throw new Error(`the id ${JSON.stringify(id)} stands for two different texts`);
    this.#byId.set(key, body);
    if (clientName !== undefined && other === undefined) {
      const texts = this.#byClient.get(clientName);
      if (texts === undefined) this.#byClient.set(clientName, [body]);
      else texts.push(body);
    }
    this.#byForm.add(keyOf(form, clientName));
  }
}

/** No name of a client and no id has a NUL character in it. */
const keyOf = (what: string, client = ''): string => `${client}\0${what}`;
