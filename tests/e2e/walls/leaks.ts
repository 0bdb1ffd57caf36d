/** What of somebody's is in what somebody else was told. */
import type { Asked } from './asking.ts';
import type { SchemaWalk } from './schema-walk.ts';

/** Types whose values are made of what is asked, or say what the server has: they are the same for everybody. */
const EVERYBODYS =
  /^(?:Model|Embedding|Generation|GenerationDelta|GenerationUsage|GeneratedToolCall|Reranking|RerankedDocument|VectorCollection|HttpHeader)\.|^SearchConnection\.reranker$/;

/**
 * Fields whose values are words of ours or of standards, or count what was spent on the same questions: two tenants may have them alike
 * (everybody's first collection is `default`).
 */
const ALIKE =
  /[cC]ursor$|[cC]ontentType$|mediaType$|^AuditEntry\.(?:action|subjectType)$|^ApiKey\.scopes$|^Document\.collection$|^(?:Session|Message|MemoryFact)\.userId$|^SessionSummary\.author$|^TextMessageStartEvent\.role$|^Answer\.model$|^UsageRecord\.(?:model|provider|subject|inputTokens|outputTokens)$/;

/** Where an id comes back because the asker has sent it, to write something of his own under it. */
const ECHOES: Readonly<Record<string, string>> = {
  'Chunk.id': 'of vectors that he has written under that id, in his own tenant',
  'RunGroupKeys.agentId': 'of a run that he has started under that id, in his own tenant',
  'RunEventGroupKeys.agentId': 'of the same',
  'DeleteVectorsPayload.deletedChunkIds': 'of the same',
  'DeleteVectorsPayload.deletedIds': 'of the same',
};

/** A value of a group is one of the values of what is in it. */
const columnOf = (coordinate: string): string => coordinate.replace(/Group(?:Keys|Values|Numbers|Percentiles)\./, '.');

const ID = /\b[a-z]{3}_[0-9a-z]{27}\b/g;

/** What can be recognised: ids, and every text of some length but names of enumerations. */
export interface Marks {
  readonly word: string;
  readonly ids: ReadonlySet<string>;
  readonly texts: ReadonlySet<string>;
}

/** @param word what is in all texts that were written */
export function marksOf(asked: readonly Asked[], walk: SchemaWalk, word: string): Marks {
  const texts = new Set<string>();
  for (const { coordinate, value } of asked.flatMap(({ leaves }) => leaves))
    if (typeof value === 'string' && value.length > 5 && !walk.isEnum(coordinate) && !EVERYBODYS.test(coordinate))
      texts.add(value);
  const ids = new Set([...texts].flatMap((text) => text.match(ID) ?? []));
  return { word, ids, texts };
}

/**
 * What is told of somebody's, a sentence each; none where nothing is.
 * @param sent what the asker has said before
 */
export function leaks(asked: readonly Asked[], { word, ids, texts }: Marks, sent: readonly Asked[] = []): string[] {
  // What he sends himself he may be told again; ids, which are never chosen, have a list.
  const said = [...asked, ...sent].map(({ source }) => source).join('\n');
  return asked.flatMap(({ name, text, leaves }) => [
    ...(text.includes(word) ? [`${name}: ${text}`] : []),
    ...leaves.flatMap(({ coordinate, value }) => {
      if (typeof value !== 'string' || EVERYBODYS.test(coordinate)) return [];
      const plain = /[cC]ursor$/.test(coordinate) ? Buffer.from(value, 'base64').toString() : value;
      const hasId = ECHOES[coordinate] === undefined && (plain.match(ID) ?? []).some((id) => ids.has(id));
      const isSame =
        !ALIKE.test(columnOf(coordinate)) && texts.has(value) && value.match(ID) === null && !said.includes(value);
      return hasId || isSame ? [`${name}: ${coordinate} ${value}`] : [];
    }),
  ]);
}

/** What a stranger who has nothing is shown: nothing but this, and what is his own. */
const NOTHING: Readonly<Record<string, string>> = {
  'Tenant.id': 'his own',
  'Tenant.name': 'his own',
  'Tenant.project': 'his own',
  'SearchConnection.mode': 'how it was looked',
  'SearchConnection.candidates': 'how far it was looked',
  'SearchConnection.reranker': 'how it was looked',
};

/** Values beyond {@link NOTHING}. @param own types of which he has something */
export function beyondNothing(asked: readonly Asked[], own: RegExp): string[] {
  return asked.flatMap(({ name, leaves }) =>
    leaves
      .filter(({ coordinate, value }) => value !== 0 && value !== false && NOTHING[coordinate] === undefined)
      .filter(({ coordinate }) => !EVERYBODYS.test(coordinate) && !own.test(coordinate))
      .map(({ coordinate, value }) => `${name}: ${coordinate} ${JSON.stringify(value)}`),
  );
}
