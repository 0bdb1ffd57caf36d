/**
 * What happens to headers on their way to a remote subgraph, and to those of its answer on their way to the client, as
 * an operator writes it: rules separated by semicolons or line ends.
 */
import { z } from 'zod';
import type { HeaderMerge } from '#subgraphs/shared/context.ts';

/** One step on the headers that are passed on, in the order in which they are written. */
export type RequestHeaderRule =
  | { readonly kind: 'set' | 'default'; readonly name: string; readonly value: string }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string }
  | { readonly kind: 'remove'; readonly name: string };

/** By name, in lower case. What is not named is not passed on. */
export type ResponseHeaderRules = Readonly<Record<string, HeaderMerge>>;

/**
 * Headers that belong to one connection, frame a body, or choose what is answered: passing them on would break or
 * mislead.
 */
const NOT_PASSED_ON =
  /^(accept|accept-encoding|connection|content-.*|expect|host|keep-alive|origin|proxy-.*|sec-.*|te|trailer|transfer-encoding|upgrade|x-request-id)$/;
/** What the gateway itself says of its answer. */
const NOT_PASSED_BACK =
  /^(access-control-.*|connection|content-.*|date|keep-alive|proxy-.*|server|te|trailer|transfer-encoding|upgrade|vary|x-request-id)$/;

const isToken = (name: string): boolean => /^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name);

/** Whether a header of this name, in lower case, may be sent to subgraphs. */
export const mayPassOn = (name: string): boolean => isToken(name) && !NOT_PASSED_ON.test(name);

const rulesOf = (text: string): string[] =>
  text
    .split(/[;\n]/)
    .map((rule) => rule.trim())
    .filter((rule) => rule !== '');

const REQUEST_RULE = /^(set|default|rename|remove)\s+([^\s:=]+)\s*(?:[:=]\s*(.*))?$/i;
/** What may stand in a header: nothing that ends a line. */
// eslint-disable-next-line no-control-regex -- control characters are what is refused
const VALUE = /^[^\u0000-\u0008\u000a-\u001f\u007f]+$/;

/** `set`, `default`, `rename` and `remove`, as {@link RequestHeaderRule}s. */
export const requestHeaderRules = z.string().transform((text, context): RequestHeaderRule[] =>
  rulesOf(text).flatMap((rule) => {
    const read = requestRule(rule);
    if (read !== undefined) return [read];
    // The rule may hold a secret, so that its beginning is all that is told.
    context.addIssue({
      code: 'custom',
      message:
        'must be rules such as `set x-source: tributary; default accept-language: en; rename x-user: x-remote-user; remove cookie`, of headers that may be passed on',
    });
    return [];
  }),
);

function requestRule(rule: string): RequestHeaderRule | undefined {
  const [, word, first, rest] = REQUEST_RULE.exec(rule) ?? [];
  const kind = word?.toLowerCase();
  const name = first?.toLowerCase();
  const value = rest?.trim();
  if (name === undefined || !mayPassOn(name)) return undefined;
  if (kind === 'remove') return value === undefined ? { kind, name } : undefined;
  if (value === undefined || !VALUE.test(value)) return undefined;
  if (kind === 'rename') {
    const to = value.toLowerCase();
    return mayPassOn(to) ? { kind, from: name, to } : undefined;
  }
  return kind === 'set' || kind === 'default' ? { kind, name, value } : undefined;
}

/** `name: first|last|append|strictest`, as {@link ResponseHeaderRules}. */
export const responseHeaderRules = z.string().transform((text, context): ResponseHeaderRules => {
  const rules: Record<string, HeaderMerge> = {};
  for (const rule of text === 'none' ? [] : rulesOf(text)) {
    const [, name = '', merge = ''] =
      /^([^\s:=]+)\s*[:=]\s*(first|last|append|strictest)$/.exec(rule.toLowerCase()) ?? [];
    if (
      !isToken(name) ||
      NOT_PASSED_BACK.test(name) ||
      (merge === 'strictest' && name !== 'cache-control') ||
      (name === 'set-cookie' && merge !== 'append')
    ) {
      context.addIssue({
        code: 'custom',
        message: `must be rules such as \`set-cookie: append; cache-control: strictest; x-version: first\` (first, last, append, or strictest for Cache-Control), and ${JSON.stringify(rule.slice(0, 60))} is none of a header that may be passed back`,
      });
    } else rules[name] = merge as HeaderMerge;
  }
  return rules;
});

/** Applies the rules to headers that are passed on; changes them in place. */
export function applyRequestRules(headers: Record<string, string>, rules: readonly RequestHeaderRule[]): void {
  for (const rule of rules) {
    if (rule.kind === 'rename') {
      const value = headers[rule.from];
      if (value === undefined) continue;
      delete headers[rule.from];
      headers[rule.to] = value;
    } else if (rule.kind === 'remove') delete headers[rule.name];
    else if (rule.kind === 'set') headers[rule.name] = rule.value;
    else headers[rule.name] ??= rule.value;
  }
}
