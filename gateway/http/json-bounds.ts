/**
 * Bounds on a JSON text, checked before it is parsed: a few megabytes of brackets are hundreds of megabytes of objects,
 * made without a pause.
 */
import { endOfString } from '#subgraphs/shared/exact-number.ts';

export interface JsonLimits {
  /** Nesting of arrays and objects. */
  readonly depth: number;
  /** Values, in arrays and objects at any depth. */
  readonly values: number;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Which limit the text is over; undefined when it is within both. What is not JSON is left to the parser. */
export function excessOf(text: string, limits: JsonLimits): 'depth' | 'values' | undefined {
  let depth = 0;
  let values = 0;
  for (let index = 0; index < text.length; index++) {
    switch (text.charCodeAt(index)) {
      case QUOTE:
        index = endOfString(text, index);
        break;
      case COMMA:
        if (++values > limits.values) return 'values';
        break;
      case OPEN_ARRAY:
      case OPEN_OBJECT:
        if (++depth > limits.depth) return 'depth';
        if (++values > limits.values) return 'values';
        break;
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        depth -= 1;
    }
  }
  return undefined;
}
