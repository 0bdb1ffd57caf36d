/** What is kept of how a file was read. */
import type { JsonValue } from '../json.ts';
import type { ExtractedText } from './extraction.ts';

/**
 * A document's metadata of its file: `format`, `properties` (what the file says of itself), `encoding`, and `truncated` where
 * the text is the beginning alone. No encoding where it is UTF-8.
 */
export function whatItSays({ format, encoding, facts, truncated }: ExtractedText): { [name: string]: JsonValue } {
  return {
    ...(encoding === undefined || encoding === 'utf-8' ? {} : { encoding }),
    format,
    ...(Object.keys(facts).length === 0 ? {} : { properties: facts }),
    ...(truncated === true ? { truncated } : {}),
  };
}
