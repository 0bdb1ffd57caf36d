/** Documents of a test, written as clients write them. */
import { expect, vi } from 'vitest';
import { post } from '#tests/e2e/contract/clients.ts';

/** What `upsertDocument` takes. */
export interface DocumentToWrite {
  readonly title: string;
  readonly source: string;
  readonly mediaType: string;
  readonly text: string;
  readonly entities?: readonly { readonly name: string; readonly kind: string }[];
}

/** Writes documents one after the other. @throws the test's failure where one is refused */
export async function writeDocuments(url: string, documents: readonly DocumentToWrite[]): Promise<void> {
  for (const input of documents) {
    const { errors } = await post(
      url,
      'mutation($input: UpsertDocumentInput!) { upsertDocument(input: $input) { document { id } } }',
      { input },
    );
    expect(errors).toBeUndefined();
  }
}

/** Waits until a search for `query` finds `count` chunks: the vectors follow the documents. */
export async function untilFound(url: string, query: string, count: number): Promise<void> {
  await vi.waitFor(
    async () => {
      const { data } = await post(
        url,
        'query($query: String!, $first: Int!) { search(query: $query, first: $first) { edges { node { id } } } }',
        { query, first: count },
      );
      expect(data!['search'].edges).toHaveLength(count);
    },
    { timeout: 20_000 },
  );
}
