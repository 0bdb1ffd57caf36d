import { graphqlRequest } from './graphql-request.ts';

const REQUEST_UPLOAD = `mutation ($input: RequestUploadInput!) {
  requestUpload(input: $input) { method url headers { name value } }
}`;
const DOWNLOAD_URL = `query ($key: String!) { object(key: $key) { downloadUrl } }`;

interface Upload {
  requestUpload: { method: string; url: string; headers: { name: string; value: string }[] };
}

/** Stores a file under `key`. Its bytes do not pass through GraphQL: the link says where they go, and is all the permission they need. */
export async function upload(url: string, key: string, file: Blob, token?: string): Promise<void> {
  const { requestUpload: link } = await graphqlRequest(url, token).request<Upload>(REQUEST_UPLOAD, {
    input: { key, size: file.size, mediaType: file.type || 'application/octet-stream' },
  });
  const headers = link.headers.map(({ name, value }): [string, string] => [name, value]);
  const stored = await fetch(link.url, { method: link.method, headers, body: file });
  if (!stored.ok) throw new Error(`${stored.status}: ${await stored.text()}`);
}

/** A link for an `<a href>` or an `<img src>`, for five minutes; null where nothing is stored under `key`. */
export async function downloadUrl(url: string, key: string, token?: string): Promise<string | null> {
  const { object } = await graphqlRequest(url, token).request<{ object: { downloadUrl: string | null } | null }>(
    DOWNLOAD_URL,
    { key },
  );
  return object?.downloadUrl ?? null;
}
