import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  // Or the file of your Tributary's version: gateway/supergraph/api.graphql.
  schema: process.env['TRIBUTARY_URL'] ?? 'http://127.0.0.1:4000/graphql',
  documents: ['src/**/*.ts'],
  generates: {
    'src/gql/': {
      preset: 'client',
      config: {
        useTypeImports: true,
        enumsAsTypes: true,
        scalars: { BigInt: 'number', DateTime: 'string', JSON: 'unknown' },
      },
    },
  },
};

export default config;
