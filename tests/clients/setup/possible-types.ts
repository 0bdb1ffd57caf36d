/** Which types each interface and union has, as Apollo's cache wants it: of the schema as the server tells it. */
export async function possibleTypes(url: string, token?: string): Promise<Record<string, string[]>> {
  const query = '{ __schema { types { name possibleTypes { name } } } }';
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query }),
  });
  const { data, errors } = (await response.json()) as {
    data: { __schema: { types: { name: string; possibleTypes: { name: string }[] | null }[] } };
    errors?: { message: string }[];
  };
  if (errors) throw new Error(errors[0]!.message);
  return Object.fromEntries(
    data.__schema.types.flatMap(({ name, possibleTypes }) =>
      possibleTypes === null ? [] : [[name, possibleTypes.map((type) => type.name)]],
    ),
  );
}
