/**
 * The scalar `Upload` of the GraphQL multipart request specification, where a subgraph has it: its values are files of the
 * request, and nothing that JSON or an operation's text could say.
 */
import { GraphQLError, isScalarType, type GraphQLSchema } from 'graphql';
import { Upload } from '#subgraphs/shared/upload.ts';

/** Holds the scalar of an API schema to files. */
export function holdUploadsToFiles(schema: GraphQLSchema): void {
  const scalar = schema.getType('Upload');
  if (!isScalarType(scalar)) return;
  scalar.parseValue = (value) => {
    if (value instanceof Upload) return value;
    throw notAFile();
  };
  scalar.parseLiteral = () => {
    throw notAFile();
  };
}

const notAFile = (): GraphQLError =>
  new GraphQLError(
    'An Upload is a file of a multipart request over HTTP POST (https://github.com/jaydenseric/graphql-multipart-request-spec).',
    { extensions: { code: 'BAD_USER_INPUT' } },
  );
