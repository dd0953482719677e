// Every page there is, found by its `meta.ts`; the page itself is loaded when somebody goes there.
import { type ComponentType, lazy, type LazyExoticComponent, type ReactNode } from 'react';

import { arrive } from '~/lib/arrive';

export interface Meta {
  /** Where it is: the path of its route, which may end in `/*` for routes of its own. */
  path: string;
  /** Its place in the navigation, small first; without one it is not there. */
  order?: number;
  /** Its key in the catalogue `common`, under `nav`. */
  name: string;
  icon?: ReactNode;
  /** The right without which there is nothing to see. */
  right?: string;
  /** Beside its name in the navigation: a count, say. */
  badge?: ComponentType;
  load: () => Promise<{ default: ComponentType }>;
}

export interface Found extends Meta {
  View: LazyExoticComponent<ComponentType>;
  /** What a link leads to. */
  home: string;
}

const found = import.meta.glob<{ meta: Meta }>('./*/meta.tsx', { eager: true });

export const PAGES: readonly Found[] = Object.values(found)
  .map(({ meta }) => ({ ...meta, View: lazy(() => arrive(meta.load)), home: meta.path.replace(/\/?\*$/, '') || '/' }))
  .sort((one, other) => (one.order ?? 99) - (other.order ?? 99));
