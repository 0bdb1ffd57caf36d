/** What an error is told as in metrics and traces: without its message, which may hold what clients sent. */
export function codeOf(error: unknown): string {
  const { code, name, extensions } = Object(error) as {
    code?: unknown;
    name?: unknown;
    extensions?: { code?: unknown };
  };
  for (const each of [extensions?.code, code, name])
    if (typeof each === 'string' && /^\w{1,64}$/.test(each)) return each;
  return '_OTHER';
}
