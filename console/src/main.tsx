import './styles.css';
import './shell/nonce';

import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import { prepare } from './i18n';
import { Application } from './shell/Application';

const root = document.getElementById('root');
if (root === null) throw new Error('The page has no place for the console.');
await prepare();
createRoot(root).render(
  <StrictMode>
    <Application />
  </StrictMode>,
);
