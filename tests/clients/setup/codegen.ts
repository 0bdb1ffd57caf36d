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
        strictScalars: true,
        scalars: {
          BigInt: 'number',
          DateTime: 'string',
          Decimal: 'string',
          JSON: 'unknown',
          RunAgentInput: 'Record<string, unknown>',
        },
      },
    },
  },
};

export default config;
