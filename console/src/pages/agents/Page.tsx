// Agents: all of them, one of them, and a new one.
import { Route, Routes } from 'react-router';

import { Agent } from './Agent';
import { List } from './List';
import { New } from './New';
import './agents.css';

/** The routes of this area; an agent may be called `new`, so what is new has a path of its own. */
export default function Agents() {
  return (
    <Routes>
      <Route index element={<List />} />
      <Route path="_new" element={<New />} />
      <Route path=":agent/*" element={<Agent />} />
    </Routes>
  );
}
