// The service that Restate calls, on its TypeScript SDK: a handler of two `run` blocks a round, each result acknowledged
// before the next begins. It prints one dot per durable step; the program that counts is restate.py.
// Arguments: the folder of node_modules, port, steps, payload bytes, model ms, tool ms.

import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, port, steps, payload, modelMs, toolMs] = process.argv.slice(2);
const resolve = createRequire(join(folder, "package.json")).resolve;
const restate = await import(pathToFileURL(resolve("@restatedev/restate-sdk")));

const bytes = Number(payload);
const filler = "lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor ".repeat(bytes / 80 + 1);
const text = (run, n) => `${run}/${n} ${filler}`.slice(0, bytes);
const pause = (ms) => (ms > 0 ? new Promise((done) => setTimeout(done, ms)) : undefined);

let dots = 0;
function step() {
  if (dots++ === 0) {
    setImmediate(() => {
      process.stdout.write(".".repeat(dots));
      dots = 0;
    });
  }
}

async function model(run, n) {
  await pause(Number(modelMs));
  return { text: text(run, n), call: { id: `${run}-${n}`, tool: "lookup", args: { key: `${run}:${n}` } } };
}

async function lookup(call) {
  await pause(Number(toolMs));
  return { id: call.id, text: text(call.args.key, 0) };
}

const agent = restate.service({
  name: "agent",
  handlers: {
    work: async (ctx, run) => {
      for (let n = 0; n < Number(steps); n++) {
        const reply = await ctx.run("model", () => model(run, n));
        await ctx.run("tool", () => lookup(reply.call));
        step();
      }
      return "done";
    },
  },
});

restate.serve({ services: [agent], port: Number(port) });
