// What a run's model is saying before it is committed: words for the eye, which may be lost; the journal replaces them.
import { useEffect, useState } from 'react';

export interface Speech {
  n: number;
  text: string;
  reasoning: string;
}

interface Delta {
  n: number;
  attempt: number;
  kind: 'text' | 'reasoning';
  text: string;
  first: boolean;
}

const AGAIN = 1_000; // ms before a new try where the line broke

/** The words of the run's model as they come, while `on`; the last ones stay until others come. */
export function useSpeech(run: string, after: number, on: boolean): Speech | undefined {
  const [speech, hear] = useState<Speech & { run: string; attempt: number }>();
  useEffect(() => {
    if (!on) return;
    let source: EventSource | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const listen = () => {
      // eslint-disable-next-line no-restricted-globals -- a listener of its own, while a model speaks
      source = new EventSource(`/api/v1/runs/${encodeURIComponent(run)}/events?after=${after}`);
      source.addEventListener('delta', (message: MessageEvent<string>) => {
        const { n, attempt, kind, text, first } = JSON.parse(message.data) as Delta;
        hear((was) => {
          const same = was?.run === run && was.n === n && was.attempt === attempt;
          const now = same ? was : { run, n, attempt, text: '', reasoning: '' };
          return { ...now, [kind]: first ? text : now[kind] + text };
        });
      });
      source.onerror = () => {
        source?.close();
        timer = setTimeout(listen, AGAIN);
      };
    };
    listen();
    return () => {
      clearTimeout(timer);
      source?.close();
    };
    // `after` only spares what is known already: a later one is no reason to listen anew
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [run, on]);
  return speech?.run === run ? speech : undefined;
}
