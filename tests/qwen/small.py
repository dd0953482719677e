"""A small Qwen3 with random weights, its tokenizer and its chat template, made from nothing and loaded as any other is.

Run as a program it serves the chat wire on loopback, with its parser for tool calls off: what it writes is all text.

A model of random weights says nothing of sense, so its words are guided, as servers do for a grammar: where a tool is
on offer and none has answered yet, it must write a call of the first one, and chooses the letters of its argument; else
it chooses letters for an answer. Every token goes through the model; what it has seen before it does not compute again.
"""

import asyncio
import importlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.adapters.model.server import STREAM, Answer, Received, Server, sse

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>", "<tool_call>", "</tool_call>")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
LONG, SHORT = 24, 6  #: letters of an answer, and of an argument

TEMPLATE = """\
{%- if tools %}
{{- '<|im_start|>system\n' + (messages[0].content + '\n\n' if messages[0].role == 'system' else '') }}
{{- '# Tools\n\nYou may call one or more functions.\n\n<tools>' }}
{%- for tool in tools %}{{ '\n' + (tool | tojson) }}{% endfor %}
{{- '\n</tools><|im_end|>\n' }}
{%- elif messages[0].role == 'system' %}{{ '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' }}
{%- endif %}
{%- for message in messages %}
{%- if message.role == 'system' and not loop.first %}
{{- raise_exception('System message must be at the beginning.') }}
{%- endif %}
{%- if message.role == 'user' %}{{ '<|im_start|>user\n' + message.content + '<|im_end|>\n' }}
{%- elif message.role == 'assistant' %}
{{- '<|im_start|>assistant\n' }}
{%- if message.reasoning_content %}{{ '<think>\n' + message.reasoning_content + '\n</think>\n\n' }}{% endif %}
{{- message.content or '' }}
{%- for call in message.tool_calls or [] %}
{{- '<tool_call>\n{"name": "' + call.function.name + '", "arguments": ' + call.function.arguments + '}\n</tool_call>' }}
{%- endfor %}
{{- '<|im_end|>\n' }}
{%- elif message.role == 'tool' %}
{{- '<|im_start|>user\n<tool_response>\n' + message.content + '\n</tool_response><|im_end|>\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
"""


def library(name: str) -> Any:
    """A library that is not on every machine, and whose types we do without."""
    return importlib.import_module(name)


def make(folder: Path) -> None:
    """Make model and tokenizer, and save them as a model is published."""
    torch, tokenizers, transformers = library("torch"), library("tokenizers"), library("transformers")
    level = tokenizers.pre_tokenizers.ByteLevel
    letters = sorted(level.alphabet())
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.BPE(vocab={letter: n for n, letter in enumerate(letters)}, merges=[])
    )
    tokenizer.pre_tokenizer = level(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL))
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)
    torch.manual_seed(7)
    config = transformers.Qwen3Config(
        vocab_size=len(letters) + len(SPECIAL), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, head_dim=16, max_position_embeddings=8192,
        tie_word_embeddings=True,
    )  # fmt: skip
    transformers.Qwen3ForCausalLM(config).save_pretrained(folder)


@dataclass
class Generated:
    """One answer, as the server knows it."""

    prompt: str
    text: str = ""
    prompt_tokens: int = 0
    cached: int = 0
    pieces: list[str] = field(default_factory=list[str])


class Small:
    """The model, loaded from its folder; it remembers the states of the last conversation."""

    def __init__(self, folder: Path) -> None:
        torch, transformers = library("torch"), library("transformers")
        torch.set_num_threads(1)
        self._torch = torch
        self.tokenizer: Any = transformers.AutoTokenizer.from_pretrained(folder)
        self.model: Any = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
        self._seen: list[int] = []
        self._states: Any = transformers.DynamicCache()

    def generate(self, body: dict[str, Any]) -> Generated:
        """Answer a request, token by token."""
        tools = body.get("tools")
        prompt = self.tokenizer.apply_chat_template(
            body["messages"], tools=tools, add_generation_prompt=True, tokenize=False
        )
        done = Generated(prompt)
        ids: list[int] = self.tokenizer.encode(prompt, add_special_tokens=False)
        done.prompt_tokens = len(ids)
        done.cached = self._forget_beyond(ids)
        scores = self._read(ids[done.cached :])
        for allowed in self._guide(body, tools):
            best = max(allowed, key=lambda token: float(scores[token]))
            done.pieces.append(self.tokenizer.decode([best]))
            scores = self._read([best])
        done.text = "".join(done.pieces)
        return done

    def _guide(self, body: dict[str, Any], tools: list[dict[str, Any]] | None) -> Iterator[list[int]]:
        """The tokens that may come next, one step after another."""
        choice = [self.tokenizer.encode(letter, add_special_tokens=False)[0] for letter in LETTERS]
        answered = any(message["role"] == "tool" for message in body["messages"])
        if not tools or answered:
            yield from (choice for _ in range(LONG))
            return
        function = tools[0]["function"]
        argument = next(iter(function["parameters"]["properties"]))
        before = f'<tool_call>\n{{"name": "{function["name"]}", "arguments": {{"{argument}": "'
        yield from ([token] for token in self.tokenizer.encode(before, add_special_tokens=False))
        yield from (choice for _ in range(SHORT))
        yield from ([token] for token in self.tokenizer.encode('"}}\n</tool_call>', add_special_tokens=False))

    def _forget_beyond(self, ids: list[int]) -> int:
        """Keep the states of what is asked again, all but the last of it; how many those are."""
        same = next((n for n, (a, b) in enumerate(zip(ids, self._seen, strict=False)) if a != b), None)
        same = min(len(ids), len(self._seen)) if same is None else same
        kept = min(same, len(ids) - 1)
        if kept < len(self._seen):
            self._states.crop(kept - len(self._seen))
        self._seen = self._seen[:kept]
        return kept

    def _read(self, ids: list[int]) -> Any:
        with self._torch.no_grad():
            said = self.model(self._torch.tensor([ids]), past_key_values=self._states, use_cache=True)
        self._seen += ids
        return said.logits[0, -1]


class SmallServer(Server):
    """Serves the model as an OpenAI-compatible server does; writes down what it was asked and what it said."""

    def __init__(self, small: Small, log: Path) -> None:
        super().__init__([])
        self._small, self._log = small, log

    def answer(self, received: Received) -> Answer:
        """Let the model answer."""
        if received.method == "GET":
            entry = {"id": "qwen3-small-random", "owned_by": "vllm", "max_model_len": 8192}
            listed = json.dumps({"object": "list", "data": [entry]}).encode()
            return Answer(headers={"Content-Type": "application/json"}, pieces=[listed])
        done = self._small.generate(received.json)
        with self._log.open("a") as file:
            said = {"prompt": done.prompt, "text": done.text, "tokens": len(done.pieces)}
            file.write(json.dumps({**said, "prompt_tokens": done.prompt_tokens, "cached": done.cached}) + "\n")
        return Answer(headers=STREAM, pieces=self._pieces(done))

    def _pieces(self, done: Generated) -> Iterator[bytes]:
        base: dict[str, Any] = {"id": "c", "object": "chat.completion.chunk", "model": "qwen3-small-random"}
        yield sse([{**base, "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}], done=False)
        for piece in done.pieces:
            yield sse([{**base, "choices": [{"index": 0, "delta": {"content": piece}}]}], done=False)
        usage: dict[str, Any] = {"prompt_tokens": done.prompt_tokens, "completion_tokens": len(done.pieces),
                 "prompt_tokens_details": {"cached_tokens": done.cached}}  # fmt: skip
        ending: dict[str, Any] = {"index": 0, "delta": {}, "finish_reason": "stop"}
        yield sse([{**base, "choices": [ending]}], done=False)
        yield sse([{**base, "choices": [], "usage": usage}])


async def _serve(folder: Path, log: Path) -> None:
    server = SmallServer(Small(folder), log)
    listener = await server.open()
    print(server.url, flush=True)  # noqa: T201 - read by whoever started this
    async with listener:
        await listener.serve_forever()


if __name__ == "__main__":
    at = Path(sys.argv[1])
    make(at / "model")
    asyncio.run(_serve(at / "model", at / "log.jsonl"))
