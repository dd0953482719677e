// What the types cannot say: rules of hooks, no raw HTML, and no words outside the catalogues.
import js from '@eslint/js';
import i18next from 'eslint-plugin-i18next';
import hooks from 'eslint-plugin-react-hooks';
import ts from 'typescript-eslint';

export default ts.config(
  { ignores: ['node_modules', 'src/api/schema.gen.ts'] },
  js.configs.recommended,
  ...ts.configs.strict,
  hooks.configs.flat['recommended-latest'],
  {
    ...i18next.configs['flat/recommended'],
    files: ['src/**/*.tsx'],
  },
  {
    files: ['src/**/*.{ts,tsx}'],
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      'no-restricted-syntax': [
        'error',
        {
          selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']",
          message: 'What models, tools and mails wrote is text: render it as text.',
        },
        {
          selector: "MemberExpression[property.name=/^(innerHTML|outerHTML)$/]",
          message: 'What models, tools and mails wrote is text: render it as text.',
        },
      ],
      'no-restricted-globals': [
        'error',
        { name: 'fetch', message: 'Ask through ~/api/client, which signs, retries and tells errors.' },
        { name: 'EventSource', message: 'Listen through ~/api/live, which reconnects.' },
      ],
    },
  },
);
