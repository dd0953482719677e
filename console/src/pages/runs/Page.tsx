// Runs: the list, one run, and where a value of one came from.
import { lazy } from 'react';
import { Route, Routes } from 'react-router';
import { arrive } from '~/lib/arrive';
import { List } from './List';
import './runs.css';

const Run = lazy(() => arrive(() => import('./Run')));
const Origins = lazy(() => arrive(() => import('./Origins')));

/** Everything about runs. */
export default function Runs() {
  return (
    <Routes>
      <Route index element={<List />} />
      <Route path=":run" element={<Run />} />
      <Route path=":run/effects/:effect/origins" element={<Origins />} />
      <Route path="*" element={<List />} />
    </Routes>
  );
}
