// What is said, sent once: a conversation begun, files put in, a message; each under a name that holds for every try.
import { api, data, key, raw } from '~/api/client';

/** What somebody is about to say. */
export interface Draft {
  text: string;
  files: File[];
  /** The names under which its parts are sent, again if need be. */
  keys: { begin: string; message: string; files: string[] };
}

/** A draft of these words. */
export function draft(text: string, files: File[]): Draft {
  return { text, files, keys: { begin: key(), message: key(), files: files.map(() => key()) } };
}

/** Begin a conversation with an agent; its id. `here` are the words that hand over files. */
export async function begin(agent: string, what: Draft, here: string): Promise<string> {
  const { id } = await data(
    api.POST('/runs', {
      params: { header: { 'Idempotency-Key': what.keys.begin } },
      body: { agent, task: what.text, conversation: what.files.length > 0 ? 'listens' : 'open' },
    }),
  );
  if (what.files.length > 0) await say(id, { ...what, text: '' }, here);
  return id;
}

/** Say something in a conversation. */
export async function say(run: string, what: Draft, here: string): Promise<void> {
  for (const [place, file] of what.files.entries()) {
    const name = encodeURIComponent(file.name.normalize('NFC'));
    await raw(`/runs/${encodeURIComponent(run)}/files?name=${name}`, {
      method: 'POST',
      body: file,
      headers: { 'Content-Type': 'application/octet-stream', 'Idempotency-Key': what.keys.files[place] ?? key() },
    });
  }
  await api.POST('/runs/{run}/messages', {
    params: { path: { run }, header: { 'Idempotency-Key': what.keys.message } },
    body: { text: what.text.trim() === '' ? here : what.text },
  });
}

/** Let it begin nothing more until one speaks again; for good with `end`. */
export async function halt(run: string, end: boolean): Promise<void> {
  await api.POST('/runs/{run}/halt', {
    params: { path: { run }, header: { 'Idempotency-Key': key() } },
    body: { end },
  });
}
