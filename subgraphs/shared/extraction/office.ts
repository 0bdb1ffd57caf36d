/** What all Office documents (Office Open XML) have: relationships between their parts, and what they say of themselves. */
import { posix } from 'node:path';
import type { Archive } from './archive.ts';
import { inOneLine } from './markdown-text.ts';
import { factsOf, type Reading } from './reader.ts';
import { readXml } from './xml.ts';

/** A part that another one refers to. */
export interface Relationship {
  /** Its name in the archive. */
  readonly target: string;
  /** What it is to the other, such as `slide`: the last part of the type's URI. */
  readonly type: string;
}

/** What a part refers to within its archive, by the ids that it uses for that. */
export function relationshipsOf(archive: Archive, part: string): Map<string, Relationship> {
  const found = new Map<string, Relationship>();
  const bytes = archive.get(`${posix.dirname(part)}/_rels/${posix.basename(part)}.rels`.replace(/^\.\//, ''));
  if (bytes === undefined) return found;
  readXml(bytes, {
    onOpen: (name, { Id, Target, Type = '', TargetMode }) => {
      if (name !== 'Relationship' || Id === undefined || Target === undefined || TargetMode === 'External') return;
      const target = Target.startsWith('/') ? Target.slice(1) : posix.join(posix.dirname(part), Target);
      found.set(Id, { target, type: posix.basename(Type) });
    },
  });
  return found;
}

/** Titles that programs give by themselves. */
const NO_TITLE =
  /^(?:untitled|powerpoint presentation|presentation|document\d*|word document|book\d*|microsoft (?:word|powerpoint|excel) - .*)$/i;

/** A title that says something; undefined for one that a program gave. */
export const titleThatSays = (title: string | undefined): string | undefined => {
  const line = inOneLine(title ?? '');
  return line === '' || NO_TITLE.test(line) ? undefined : line;
};

/** The title of a document, its author and its dates, as Office keeps them. */
export function corePropertiesOf(archive: Archive): Pick<Reading, 'title' | 'facts'> {
  const known: Record<string, string> = {};
  const bytes = archive.get('docProps/core.xml');
  let property = '';
  if (bytes !== undefined)
    readXml(bytes, {
      onOpen: (name) => (property = name),
      onText: (text) => (known[property] = (known[property] ?? '') + text),
      onClose: () => (property = ''),
    });
  const { title, creator, subject, description, created, modified } = known;
  return { title: titleThatSays(title), facts: factsOf({ author: creator, subject, description, created, modified }) };
}
