/** The stores that tests are given by `TEST_…` variables; `npm run test:stores` starts them and sets those. */
const { env } = process;
const given = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);

/** Neo4j; without `uri` none is given. */
export const NEO4J = {
  uri: given('TEST_NEO4J_URI'),
  username: given('TEST_NEO4J_USERNAME') ?? 'neo4j',
  password: env['TEST_NEO4J_PASSWORD'] ?? '',
};

/** An S3 server; without `endpoint` none is given. */
export const S3 = {
  endpoint: given('TEST_S3_ENDPOINT'),
  accessKey: env['TEST_S3_ACCESS_KEY'] ?? '',
  secretKey: env['TEST_S3_SECRET_KEY'] ?? '',
  region: given('TEST_S3_REGION') ?? 'us-east-1',
};

/** The variables by which a server uses the given Neo4j. @param uri the way to it, such as a proxy's */
export const neo4jVariables = (uri: string): Record<string, string> => ({
  NEO4J_URI: uri,
  NEO4J_USERNAME: NEO4J.username,
  NEO4J_PASSWORD: NEO4J.password,
});

/** The variables by which a server uses a bucket of the given S3. @param endpoint the way to it, such as a proxy's */
export const s3Variables = (endpoint: string, bucket: string): Record<string, string> => ({
  S3_ENDPOINT: endpoint,
  S3_ACCESS_KEY: S3.accessKey,
  S3_SECRET_KEY: S3.secretKey,
  S3_REGION: S3.region,
  S3_BUCKET: bucket,
});

/** The variables by which a server uses the given Qdrant; none where none is given. */
export const givenQdrant = (): Record<string, string> => {
  const url = given('TEST_QDRANT_URL');
  return url === undefined ? {} : { QDRANT_URL: url, QDRANT_API_KEY: env['TEST_QDRANT_API_KEY'] ?? '' };
};

/** Neo4j and Qdrant where they are given; otherwise a server has what is embedded. */
export const givenGraphAndVectors = (): Record<string, string> => ({
  ...(NEO4J.uri === undefined ? {} : neo4jVariables(NEO4J.uri)),
  ...givenQdrant(),
});
