/** Reading XML of Office documents as it comes. Entities that a document declares are not expanded: they are text. */
import { Parser } from 'htmlparser2';
import { markedEncoding } from './encoding.ts';

/** What is told of XML, in its order; names are local, without their prefixes. */
export interface XmlReader {
  onOpen?(name: string, attributes: Readonly<Record<string, string>>): void;
  onText?(text: string): void;
  onClose?(name: string): void;
}

/** Reads an XML file, which is UTF-8 in what Office writes, or UTF-16 with a mark. */
export function readXml(bytes: Uint8Array, { onOpen, onText, onClose }: XmlReader): void {
  const parser = new Parser(
    {
      onopentag: (name, attributes) => onOpen?.(local(name), attributes),
      ontext: (text) => onText?.(text),
      onclosetag: (name) => onClose?.(local(name)),
    },
    { xmlMode: true },
  );
  parser.end(new TextDecoder(markedEncoding(bytes)).decode(bytes));
}

const local = (name: string): string => name.slice(name.indexOf(':') + 1);

/** An attribute by its local name, whatever its prefix. */
export function attributeOf(attributes: Readonly<Record<string, string>>, name: string): string | undefined {
  return attributes[name] ?? Object.entries(attributes).find(([key]) => key.endsWith(`:${name}`))?.[1];
}
