/** E-mails: the subject as heading, who wrote to whom and when, the text, and what is attached by its names. */
import PostalMime, { type Address } from 'postal-mime';
import { EXTRACTION } from '../bounds.ts';
import { addHtml } from '../html-to-markdown.ts';
import { inOneLine, MarkdownText, plainText } from '../markdown-text.ts';
import { factsOf, type Reading } from '../reader.ts';
import { UnreadableError } from '../unreadable.ts';

/** Reads a message; of what is attached it has the names alone. */
export async function readEmail(bytes: Uint8Array): Promise<Reading> {
  const email = await PostalMime.parse(bytes, {
    maxNestingDepth: EXTRACTION.mailNesting,
    maxHeadersSize: EXTRACTION.mailHeaderBytes,
  });
  if (email.headers.length === 0) throw new UnreadableError('it has no headers, so it is no e-mail');
  const from = told(email.from === undefined ? [] : [email.from]);
  const to = told(email.to ?? []);
  const text = new MarkdownText();
  const subject = inOneLine(email.subject ?? '');
  text.heading(1, subject);
  text.add(
    [
      ['From', from],
      ['To', to],
      ['Cc', told(email.cc ?? [])],
      ['Date', email.date],
      ['Attached', email.attachments.flatMap(({ filename }) => filename ?? []).join(', ')],
    ]
      .filter(([, value]) => value !== undefined && value !== '')
      .map(([name, value]) => `- ${name}: ${inOneLine(value!)}`)
      .join('\n'),
  );
  if (email.html !== undefined && email.html.trim() !== '') addHtml(text, email.html);
  else text.add(plainText(email.text ?? ''));
  return {
    text,
    title: subject,
    facts: factsOf({
      from,
      to,
      date: email.date,
      messageId: email.messageId,
      attachments: email.attachments.length || undefined,
    }),
  };
}

/** Addresses as people read them; groups by their members. */
const told = (addresses: readonly Address[]): string =>
  addresses
    .flatMap((each) => each.group ?? [each])
    .map(({ name, address }) => (name === '' || name === undefined ? address : `${name} <${address}>`))
    .join(', ');
