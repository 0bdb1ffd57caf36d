/** The embedders that are built in: they cost nothing, so that stored texts may be embedded again without asking anyone. */
export const BUILT_IN_MODELS = ['static-384-v1', 'hashing-384-v1'] as const;
export type BuiltInModel = (typeof BUILT_IN_MODELS)[number];

/** The built-in embedder where no model is configured. */
export const DEFAULT_BUILT_IN: BuiltInModel = 'static-384-v1';

export const isBuiltIn = (model: string): model is BuiltInModel =>
  (BUILT_IN_MODELS as readonly string[]).includes(model);
