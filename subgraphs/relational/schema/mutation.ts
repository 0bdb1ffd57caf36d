/** The shape that every mutation has: one `input`, and a payload with what changed. */
import type { InputRef } from '@pothos/core';
import type { GraphQLResolveInfo } from 'graphql';
import { requireSystem, type RequestContext } from '#subgraphs/shared/context.ts';
import { selects } from '#subgraphs/shared/selections.ts';
import { takes, type Scope } from '#subgraphs/shared/scopes.ts';
import type { InputFields, ObjectFields, SchemaParts } from './entity.ts';

export interface MutationOptions<Input extends object, Result extends object> {
  description: string;
  /** Describes `<Name>Input`. */
  input: string;
  inputFields: (t: InputFields) => Record<string, any>; // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
  /** Describes `<Name>Payload`. */
  payload: string;
  payloadFields: (t: ObjectFields<Result>) => Record<string, any>; // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
  run: (input: Input, context: RequestContext, selected: () => Selected) => Promise<Result>;
  /** What it costs beside others (`WEIGHT`). @default as all that change something */
  weight?: number;
  /** What its caller must have been granted; `system` for the gateway itself alone: absent from the public API. */
  takes: Scope | 'system';
}

/** Whether the caller selected a field, given as the path from the payload to it. */
export type Selected = (...path: string[]) => boolean;

/** Adds the mutation `name` with `<Name>Input` and `<Name>Payload`. */
export function addMutation<Input extends object, Result extends object>(
  { builder, loaders }: SchemaParts,
  name: string,
  options: MutationOptions<Input, Result>,
): void {
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}`;
  const inaccessible = options.takes === 'system';
  const input = builder.inputRef<Input>(`${type}Input`);
  // The fields are the caller's, so their types cannot be known to the compiler here.
  const implement = input.implement.bind(input) as unknown as (given: unknown) => InputRef<Input>;
  implement({ description: options.input, inaccessible, fields: options.inputFields });
  const payload = builder.objectRef<Result>(`${type}Payload`).implement({
    description: options.payload,
    inaccessible,
    fields: options.payloadFields as never,
  });
  builder.mutationField(name, (t) =>
    t.field({
      type: payload,
      inaccessible,
      description: options.description,
      directives: {
        ...(options.weight === undefined ? {} : { cost: { weight: options.weight } }),
        ...(options.takes === 'system' ? {} : takes(options.takes)),
      },
      args: { input: t.arg({ type: input as InputRef<object>, required: true, description: options.input }) },
      resolve: (async (_: unknown, args: { input: object }, context: RequestContext, info: GraphQLResolveInfo) => {
        if (inaccessible) requireSystem(context);
        try {
          return await options.run(args.input as Input, context, () => selectionOf(info));
        } finally {
          // The fields of the payload, and later mutations of this operation, read what is stored now.
          loaders(context).clear();
        }
      }) as never,
    }),
  );
}

const selectionOf =
  (info: GraphQLResolveInfo): Selected =>
  (...path) =>
    selects(info, path.slice(-1), path.slice(0, -1));
