"""Tool calls and thoughts that a server left in the text of a reply: found, or the reply is refused; never guessed.

What is decided here, and why, is a matter of safety, since a text may repeat what an outsider wrote:

- Only where the server itself found no call in the reply is its text looked at.
- A call stands at the end: it begins a line, and nothing but calls follows. What is quoted (a code block beside other
  words, backticks, a quoted line, quotation marks) is text.
- Plain JSON is a call only if it is the whole reply, names a tool on offer and fits its schema.
- In the thoughts a call counts only if nothing was said beside it.
- Where anything the model was given (a task, a person's message, a tool's result) has the marks of a tool call, no
  text of that conversation is taken for one: a mail that quotes a call must not have it made by being quoted.
- Only tools on offer are called. Text becomes a value by the tool's schema. What has two meanings has none.
- Whatever looks like a call and is not taken refuses the whole reply (`UnparsedToolCall`): it is no answer, and none of
  its calls is made.

All this only proposes: like any other, a call found here passes the gate. A model that an outsider has taken over can
call tools anyhow; what is prevented is that a model which was *not* taken over calls what it merely quotes.
"""

from deputy.adapters.wire.calls.reading import UnparsedToolCall, reread

__all__ = ["UnparsedToolCall", "reread"]
