/** Files that operators write: YAML of a known form, whose faults are told with their lines, all at once. */
import { LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';

/** Where in a file something stands: the keys that lead there. */
export type YamlPath = readonly (string | number)[];

export interface YamlFile<Data> {
  readonly data: Data;
  /** `<file>:<line>` of what stands there; of the nearest that there is. */
  at(path: YamlPath): string;
}

/**
 * Reads a text.
 * @param shown what messages call the file
 * @returns what it holds, or its faults
 */
export function parseYaml<Format extends z.ZodType>(
  text: string,
  shown: string,
  format: Format,
): { readonly file: YamlFile<z.output<Format>> } | { readonly faults: readonly string[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [fault] = document.errors;
  if (fault !== undefined)
    return { faults: [`${shown}:${lines.linePos(fault.pos[0]).line}: ${fault.message.split('\n')[0]}`] };
  const at = (path: YamlPath): string => {
    for (let length = path.length; length > 0; length--) {
      const node = document.getIn(path.slice(0, length), true) as { range?: [number, number, number] } | undefined;
      if (node?.range !== undefined) return `${shown}:${lines.linePos(node.range[0]).line}`;
    }
    return `${shown}:1`;
  };
  // It refuses aliases that would repeat without end.
  let data: unknown;
  try {
    data = document.toJS();
  } catch (error) {
    return { faults: [`${shown}:1: ${(error as Error).message}`] };
  }
  const parsed = format.safeParse(data);
  if (parsed.success) return { file: { data: parsed.data, at } };
  return {
    faults: parsed.error.issues.map((issue) => {
      const path = issue.path as (string | number)[];
      return `${at(path)}: ${[path.join('.'), issue.message].filter(Boolean).join(' ')}`;
    }),
  };
}
