/**
 * In which form a client takes its answer, by its `Accept` (GraphQL over HTTP, section 6:
 * https://graphql.github.io/graphql-over-http/draft/#sec-Response).
 */
import { HTTP } from '#gateway/bounds/http.ts';
import type { MultipartFormat } from '#gateway/subscribe/multipart.ts';
import { preferencesOf, type Preference } from './quality.ts';

export type JsonType = 'application/json' | 'application/graphql-response+json';

export type AnswerForm =
  | { readonly kind: 'json'; readonly type: JsonType }
  /** Server-sent events. */
  | { readonly kind: 'events' }
  | { readonly kind: 'multipart'; readonly format: MultipartFormat };

/** What an operation answers with. */
export type AnswerKind =
  /** One result. */
  | 'single'
  /** The first part of a result, and those that were deferred. */
  | 'parts'
  /** The events of a subscription. */
  | 'events';

const JSON_FORM = { kind: 'json', type: 'application/json' } as const;
const PLAIN: readonly AnswerForm[] = [JSON_FORM];

/** What clients send; they differ in little, so that few are kept. */
const known = new Map<string, readonly AnswerForm[]>();

/** The forms that a client takes, what it prefers first; none where there is none that we have. */
export function acceptedForms(accept: string | undefined): readonly AnswerForm[] {
  if (accept === undefined || accept === '*/*' || accept === 'application/json') return PLAIN;
  let forms = known.get(accept);
  if (forms === undefined) {
    forms = preferencesOf(accept).flatMap(formOf);
    if (known.size < HTTP.acceptsKept) known.set(accept, forms);
  }
  return forms;
}

function formOf({ value, parameters, weight }: Preference): AnswerForm[] {
  const charset = parameters.get('charset');
  if (weight === 0 || (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8')) return [];
  switch (value) {
    case 'application/graphql-response+json':
      return [{ kind: 'json', type: value }];
    case 'application/json':
    case 'application/*':
    case '*/*':
      return [JSON_FORM];
    case 'text/event-stream':
      return [{ kind: 'events' }];
    case 'multipart/mixed': {
      const format = formatOf(parameters);
      return format === undefined ? [] : [{ kind: 'multipart', format }];
    }
    default:
      return [];
  }
}

/** @returns undefined for a format that nobody here speaks */
function formatOf(parameters: ReadonlyMap<string, string>): MultipartFormat | undefined {
  const named = ['subscriptionspec', 'deferspec', 'incrementalspec'].filter((name) => parameters.has(name));
  if (named.length === 0) return 'unnamed';
  if (named.length > 1) return undefined;
  const [name] = named;
  const version = parameters.get(name!)!;
  if (name === 'subscriptionspec') return version === '1.0' ? 'subscription-1.0' : undefined;
  if (name === 'deferspec') return version === '20220824' ? 'incremental-20220824' : undefined;
  return version === 'v0.2' ? 'incremental-v0.2' : undefined;
}

/**
 * The form for an answer of this kind.
 * @returns undefined where the client takes none that can carry it
 */
export function formFor(kind: AnswerKind, forms: readonly AnswerForm[]): AnswerForm | undefined {
  const found = forms.find((form) => carries(form, kind));
  // One result may be the only part of several.
  return found ?? (kind === 'single' ? forms.find((form) => form.kind === 'multipart') : undefined);
}

/** The type of an answer that is JSON whatever was asked, such as a refusal: what the client prefers of the two. */
export function jsonTypeOf(forms: readonly AnswerForm[]): JsonType {
  for (const form of forms) if (form.kind === 'json') return form.type;
  return 'application/json';
}

function carries(form: AnswerForm, kind: AnswerKind): boolean {
  switch (form.kind) {
    case 'json':
      return kind === 'single';
    case 'events':
      return true;
    case 'multipart':
      if (kind === 'single') return false;
      return form.format === 'unnamed' || (form.format === 'subscription-1.0') === (kind === 'events');
  }
}
