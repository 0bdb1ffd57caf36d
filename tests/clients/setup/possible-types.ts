/** Which types each interface and union has, as Apollo's cache wants it: of the schema as the server tells it. */
export async function possibleTypes(url: string): Promise<Record<string, string[]>> {
  const query = '{ __schema { types { name possibleTypes { name } } } }';
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  const { data } = (await response.json()) as {
    data: { __schema: { types: { name: string; possibleTypes: { name: string }[] | null }[] } };
  };
  return Object.fromEntries(
    data.__schema.types.flatMap(({ name, possibleTypes }) =>
      possibleTypes === null ? [] : [[name, possibleTypes.map((type) => type.name)]],
    ),
  );
}
