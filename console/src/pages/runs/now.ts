// The time as it passes, for durations that still grow.
import { useEffect, useState } from 'react';

/** Now, to the second, while it `passes`. */
export function useNow(passes: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!passes) return;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [passes]);
  return now;
}
