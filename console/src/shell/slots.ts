// What stands in the bar above every page: found by their `slot.tsx`.
import type { ComponentType } from 'react';

interface Slot {
  name: string;
  View: ComponentType;
}

const found = import.meta.glob<{ slot: Slot }>('../*/slot.tsx', { eager: true });
export const SLOTS: readonly Slot[] = Object.values(found).map(({ slot }) => slot);
