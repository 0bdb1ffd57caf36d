import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** What plain JavaScript may use of Node's globals. */
const globals = Object.fromEntries(
  [
    'AbortController',
    'AbortSignal',
    'Buffer',
    'URL',
    'URLSearchParams',
    'WebAssembly',
    'clearInterval',
    'clearTimeout',
    'console',
    'fetch',
    'performance',
    'process',
    'setInterval',
    'setTimeout',
  ].map((name) => [name, 'readonly']),
);

// Which room may import which is tests/architecture/rooms.test.ts's to say; layout is nobody's.
export default tseslint.config(
  { ignores: ['**/node_modules/', '.local-data/', '**/dist/', '**/generated/', '**/*.generated.ts', '**/*.d.mts'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommended],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      // A promise where nobody waits for one loses its rejection. JSX attributes and spreads do not occur here.
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { attributes: false } }],
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false },
      ],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      // The compiler knows.
      'no-undef': 'off',
    },
  },
  {
    files: ['**/*.{js,mjs}'],
    languageOptions: { globals },
  },
  {
    files: ['**/*.browser.js'],
    languageOptions: {
      sourceType: 'script',
      globals: Object.fromEntries(
        [
          'Element',
          'Request',
          'TextEncoder',
          'URL',
          'URLSearchParams',
          'btoa',
          'crypto',
          'document',
          'history',
          'localStorage',
          'location',
          'sessionStorage',
          'window',
        ].map((name) => [name, 'readonly']),
      ),
    },
  },
  {
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-template-curly-in-string': 'error',
    },
  },
);
