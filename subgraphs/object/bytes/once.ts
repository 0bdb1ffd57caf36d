/** A body of one piece, for drivers, which take bodies as they come. */
export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
