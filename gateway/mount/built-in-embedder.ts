/** The built-in embedder for the gateway itself: whatever model the stores' vectors are of, and no server is asked. */

/** Gives texts their vectors. It is loaded with the first. @throws CodedError `STORE_UNAVAILABLE` where it cannot be read */
export function builtInEmbedder(): (texts: readonly string[]) => Promise<readonly Float32Array[]> {
  let made: Promise<(texts: readonly string[]) => Promise<readonly Float32Array[]>> | undefined;
  return async (texts) => {
    made ??= import('#subgraphs/inference/index.ts').then(({ embedsBuiltIn }) => embedsBuiltIn());
    return await (
      await made
    )(texts);
  };
}
