// The routes: pages inside the shell, and the one to sign in outside of it.
import { lazy } from 'react';
import { Navigate, type RouteObject } from 'react-router';

import { PAGES } from '~/pages/registry';
import { Guarded } from './Guarded';
import { Shell } from './Shell';

const SignIn = lazy(() => import('~/pages/signin/Page'));

/** Where one comes to first. */
const first = PAGES.find((page) => page.order !== undefined)?.home ?? '/';

export const routes: RouteObject[] = [
  { path: '/sign-in', element: <SignIn /> },
  {
    element: <Shell />,
    children: [
      ...PAGES.map((page) => ({ path: page.path, element: <Guarded page={page} /> })),
      ...(PAGES.some((page) => page.home === '/') ? [] : [{ path: '/', element: <Navigate to={first} replace /> }]),
      { path: '*', element: <Guarded /> },
    ],
  },
];
