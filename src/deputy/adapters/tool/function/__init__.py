"""Tools that are Python functions in our own process, marked with `@deputy.tool`; trusted code, not sandboxed.

What comes of a call, for a tool that is `safe` to repeat and for one that is not:

===========================================  ========================  ==========================================
what the function does                       safe                      anything else
===========================================  ========================  ==========================================
returns a value of JSON's types              Done                      Done
returns something else, or too much of it    Failed                    Done, its value a note: it has run
raises                                       Failed `tool_error`       Failed `tool_error`
raises ConnectionError, TimeoutError or the  Failed `tool_error`       Unknown: the far side may have heard it
like (also as the cause of what it raises)
passes its deadline                          Failed `deadline`         Unknown: it may have done its work
===========================================  ========================  ==========================================

So a tool that knows for certain that nothing happened says so by raising `from None`. At its deadline an `async`
function is cancelled; a plain one runs in a thread, which nothing can stop: it runs on, its answer is dropped, and
`quiesce` waits for it.
"""

from deputy.adapters.tool.function.host import FunctionTools

__all__ = ["FunctionTools"]
