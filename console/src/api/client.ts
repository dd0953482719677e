// The one way the console asks the server: typed by the OpenAPI document, every write under a key of its own.
import createClient, { type Middleware } from 'openapi-fetch';

import type { components, paths } from './schema.gen';

export type Schemas = components['schemas'];

/** What the server said is wrong (RFC 9457), as an error that pages can show. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly remedy: string,
    /** Everything that was said, for what only some problems have. */
    readonly said: Record<string, unknown> = {},
  ) {
    super(detail);
  }
}

/** The server did not answer at all. */
export const away = () => new Problem(0, 'away', '', '');

type Listener = () => void;
const signedOut = new Set<Listener>();

/** Call `listener` whenever the server no longer knows who asks; returns how to stop. */
export function onSignedOut(listener: Listener): () => void {
  signedOut.add(listener);
  return () => signedOut.delete(listener);
}

async function told(response: Response): Promise<Problem> {
  const said: unknown = await response.json().catch(() => ({}));
  const known = (said ?? {}) as Partial<Schemas['Problem']>;
  return new Problem(response.status, known.code ?? 'bug', known.detail ?? response.statusText, known.remedy ?? '', {
    ...known,
  });
}

/** A name for a write: sent again under it, it is done once. */
export const key = () => crypto.randomUUID();

const rules: Middleware = {
  onRequest({ request }) {
    request.headers.set('X-Deputy', '1');
    if (request.method !== 'GET' && !request.headers.has('Idempotency-Key')) {
      request.headers.set('Idempotency-Key', key());
    }
  },
  async onResponse({ response, request }) {
    if (response.ok) return;
    if (response.status === 401 && !request.url.endsWith('/sign-in')) signedOut.forEach((listener) => listener());
    throw await told(response);
  },
  onError() {
    return away();
  },
};

export const api = createClient<paths>({ baseUrl: '/api/v1', credentials: 'same-origin' });
api.use(rules);

/** What came back of a call; raises Problem. */
export async function data<T>(call: Promise<{ data?: T }>): Promise<T> {
  return (await call).data as T;
}

/** Ask by path alone, for what the document has no types of (files, sign-in). */
export async function raw(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set('X-Deputy', '1');
  if (init.method !== undefined && !headers.has('Idempotency-Key')) headers.set('Idempotency-Key', key());
  // eslint-disable-next-line no-restricted-globals -- the client itself
  const response = await fetch(`/api/v1${path}`, { ...init, headers, credentials: 'same-origin' }).catch(() => {
    throw away();
  });
  if (!response.ok) throw await told(response);
  return response;
}
