// Load a part of the console, however the server comes and goes meanwhile.
const PAUSE = 1_000; // ms
const KEPT = 'deputy.renewed';

/** What `load` brings: tried again while the server is away; a newer server has other parts, so the page is renewed. */
export async function arrive<T>(load: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      const part = await load();
      sessionStorage.removeItem(KEPT);
      return part;
    } catch (error) {
      // eslint-disable-next-line no-restricted-globals -- asks for the page itself, not for the API
      const page = await fetch('/', { cache: 'no-store' }).catch(() => null);
      if (page?.ok) {
        if (sessionStorage.getItem(KEPT) !== null) throw error;
        sessionStorage.setItem(KEPT, '1');
        if (!(await page.text()).includes(entry())) window.location.reload();
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
}

/** The name of the script that the page began with: another one is another build. */
function entry(): string {
  const script = document.querySelector<HTMLScriptElement>('script[type="module"][src]');
  return script === null ? '' : new URL(script.src).pathname;
}
