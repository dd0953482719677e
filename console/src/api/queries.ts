// The client of all queries: quiet retries while the server is away, none for what it refused.
import { QueryClient } from '@tanstack/react-query';

import { Problem } from './client';

export const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      refetchOnWindowFocus: true,
      networkMode: 'always',
      retry: (count, error) => count < 3 && (!(error instanceof Problem) || error.status === 0 || error.status === 503),
    },
    mutations: { networkMode: 'always', retry: false },
  },
});
